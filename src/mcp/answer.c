/*
 * answer.c
 *	  What a method of MCP answers: a result or a fault; pages and their cursors.
 */
#include "postgres.h"

#include "base/words.h"
#include "common/base64.h"
#include "mb/pg_wchar.h"
#include "mcp/answer.h"
#include "serve/toolpage.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

/* Bytes of a URI that is none of ours, told back; ours are shorter. */
#define URI_TOLD 2000

static Jsonb *
json_of(const char *text)
{
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
}

McpAnswer *
mcp_result(char *json)
{
	McpAnswer  *answer = palloc0(sizeof(McpAnswer));

	answer->result = json;
	return answer;
}

McpAnswer *
mcp_listed(char *json)
{
	McpAnswer  *answer = mcp_result(json);

	answer->listed = true;
	return answer;
}

McpAnswer *
mcp_fault(int code, const char *fmt,...)
{
	McpAnswer  *answer = palloc0(sizeof(McpAnswer));
	va_list		words;

	va_start(words, fmt);
	answer->message = words_formatted(fmt, words);
	va_end(words);
	answer->code = code;
	return answer;
}

/* See the header. */
McpAnswer *
mcp_no_resource(const McpRequest *req, const char *uri)
{
	McpAnswer  *answer = mcp_fault(req->modern ? MCP_INVALID_PARAMS : MCP_RESOURCE_NOT_FOUND,
								   "there is no such resource, or it is not for this role; resources/list has those that there are");
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoChar(&buf, '{');
	toolpage_text(&buf, "uri", pnstrdup(uri, pg_mbcliplen(uri, (int) strlen(uri), URI_TOLD)));
	appendStringInfoChar(&buf, '}');
	answer->data = json_of(buf.data);
	return answer;
}

/* ---- members ---- */

char *
mcp_text(Jsonb *object, const char *key, bool *wrong)
{
	JsonbValue	v;

	*wrong = false;
	if (getKeyJsonValueFromContainer(&object->root, key, (int) strlen(key), &v) == NULL)
		return NULL;
	if (v.type == jbvString)
		return pnstrdup(v.val.string.val, v.val.string.len);
	*wrong = true;
	return NULL;
}

Jsonb *
mcp_object(Jsonb *object, const char *key, bool *wrong)
{
	JsonbValue	v;

	*wrong = false;
	if (getKeyJsonValueFromContainer(&object->root, key, (int) strlen(key), &v) == NULL)
		return NULL;
	if (v.type == jbvBinary && JsonContainerIsObject(v.val.binary.data))
		return JsonbValueToJsonb(&v);
	*wrong = true;
	return NULL;
}

/* ---- cursors ---- */

/* See the header. */
char *
mcp_cursor(const char *list, const char *place)
{
	char	   *plain = psprintf("%s:%s", list, place);
	int			room = pg_b64_enc_len((int) strlen(plain)) + 1;
	char	   *text = palloc0(room);

	if (pg_b64_encode((const void *) plain, (int) strlen(plain), text, room - 1) < 0)
		elog(ERROR, "could not encode a cursor");
	return text;
}

/* See the header. */
bool
mcp_cursor_of(const McpRequest *req, const char *list, char **place)
{
	bool		wrong;
	char	   *text = mcp_text(req->params, "cursor", &wrong);
	int			prefix = (int) strlen(list) + 1;
	int			room;
	int			len;
	char	   *plain;

	*place = NULL;
	if (wrong)
		return false;
	if (text == NULL)
		return true;
	if (strlen(text) > 4096)
		return false;
	room = pg_b64_dec_len((int) strlen(text)) + 1;
	plain = palloc0(room);
	len = pg_b64_decode(text, (int) strlen(text), (void *) plain, room - 1);
	if (len < prefix || memchr(plain, '\0', len) != NULL ||
		strncmp(plain, list, prefix - 1) != 0 || plain[prefix - 1] != ':' ||
		!pg_verify_mbstr(GetDatabaseEncoding(), plain, len, true))
		return false;
	*place = plain + prefix;
	return true;
}

McpAnswer *
mcp_bad_cursor(void)
{
	return mcp_fault(MCP_INVALID_PARAMS, "params.cursor is none of this list's: give nextCursor of the page before, or leave it out");
}
