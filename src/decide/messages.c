/*
 * messages.c
 *	  The wire of the Messages API: what is asked.
 */
#include "postgres.h"

#include "decide/messages.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/json.h"

#define CACHE_MARK ", \"cache_control\": {\"type\": \"ephemeral\"}"

/* The JSON array of blocks without its brackets. */
static void
append_blocks(StringInfo buf, const char *array)
{
	const char *from = strchr(array, '[') + 1;
	const char *to = strrchr(array, ']');

	appendBinaryStringInfo(buf, from, (int) (to - from));
}

/*
 * Mark the last block of the buffer for the cache: the block is an object that
 * we made ourselves, so what ends the buffer is its brace.
 */
static void
mark_last_block(StringInfo buf)
{
	while (buf->len > 0 && buf->data[buf->len - 1] != '}')
		buf->len--;
	buf->data[--buf->len] = '\0';
	appendStringInfoString(buf, CACHE_MARK "}");
}

char *
messages_request(const MessagesRequest *request)
{
	StringInfoData buf;
	const Message *before = NULL;
	ListCell   *lc;

	initStringInfo(&buf);
	appendStringInfoString(&buf, "{\"model\": ");
	escape_json(&buf, request->model);
	appendStringInfo(&buf, ", \"max_tokens\": %d", request->max_tokens);
	if (request->effort != NULL)
		appendStringInfo(&buf, ", \"output_config\": {\"effort\": \"%s\"}", request->effort);
	appendStringInfoString(&buf, ", \"system\": [{\"type\": \"text\", \"text\": ");
	escape_json(&buf, request->system);
	appendStringInfo(&buf, "%s}]", request->cached ? CACHE_MARK : "");
	if (request->tools != NULL)
		appendStringInfo(&buf, ", \"tools\": %s", request->tools);
	appendStringInfoString(&buf, ", \"messages\": [");
	foreach(lc, request->history)
	{
		const Message *m = lfirst(lc);

		if (before != NULL && before->of_model == m->of_model)
			appendStringInfoString(&buf, ", ");
		else
			appendStringInfo(&buf, "%s{\"role\": \"%s\", \"content\": [",
							 before ? "]}, " : "", m->of_model ? "assistant" : "user");
		append_blocks(&buf, m->content);
		before = m;
	}
	if (request->cached && before != NULL && !before->of_model)
		mark_last_block(&buf);
	appendStringInfoString(&buf, "]}]}");
	return buf.data;
}

char *
messages_text_block(const char *text)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoString(&buf, "{\"type\": \"text\", \"text\": ");
	escape_json(&buf, text);
	appendStringInfoChar(&buf, '}');
	return buf.data;
}

char *
messages_result_block(const char *tool_use, const char *text, bool is_error)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoString(&buf, "{\"type\": \"tool_result\", \"tool_use_id\": ");
	escape_json(&buf, tool_use);
	appendStringInfoString(&buf, ", \"content\": ");
	/* an error must say something */
	escape_json(&buf, text[0] != '\0' ? text : "(nothing)");
	appendStringInfo(&buf, "%s}", is_error ? ", \"is_error\": true" : "");
	return buf.data;
}

char *
messages_to_wire(const char *json)
{
	StringInfoData buf;
	const unsigned char *p = (const unsigned char *) json;
	const unsigned char *end = p + strlen(json);

	if (GetDatabaseEncoding() != PG_SQL_ASCII)
		return pg_server_to_any(json, (int) strlen(json), PG_UTF8);

	/* what is no UTF-8 there nobody can read: it stands in strings alone */
	initStringInfo(&buf);
	while (p < end)
	{
		int			l = *p < 0x80 ? 1 : pg_utf_mblen(p);

		if (l <= end - p && pg_utf8_islegal(p, l))
		{
			appendBinaryStringInfo(&buf, (const char *) p, l);
			p += l;
		}
		else
		{
			appendStringInfoString(&buf, "\\ufffd");
			p++;
		}
	}
	return buf.data;
}

char *
messages_from_wire(const char *bytes, size_t len)
{
	StringInfoData buf;

	if (memchr(bytes, '\0', len) != NULL ||
		pg_encoding_verifymbstr(PG_UTF8, bytes, (int) len) != (int) len)
		return NULL;
	if (GetDatabaseEncoding() == PG_UTF8 || GetDatabaseEncoding() == PG_SQL_ASCII)
		return pnstrdup(bytes, len);

	/* other than ASCII can only stand in a string, where an escape can, too */
	initStringInfo(&buf);
	for (size_t i = 0; i < len;)
	{
		int			l = pg_utf_mblen((const unsigned char *) bytes + i);
		pg_wchar	c;

		if (l == 1)
			appendStringInfoChar(&buf, bytes[i]);
		else
		{
			c = utf8_to_unicode((const unsigned char *) bytes + i);
			if (c < 0x10000)
				appendStringInfo(&buf, "\\u%04x", c);
			else
				appendStringInfo(&buf, "\\u%04x\\u%04x", 0xd800 + ((c - 0x10000) >> 10),
								 0xdc00 + ((c - 0x10000) & 0x3ff));
		}
		i += l;
	}
	return buf.data;
}
