/*
 * toolpage.c
 *	  Answers of tools as JSON: members, pages, cursors.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "serve/toolargs.h"
#include "serve/toolpage.h"
#include "utils/builtins.h"
#include "utils/json.h"

/* A list ends before the answer is longer; what jsonb adds between members, and
 * one more entry, have room above. */
#define LIST_ROOM (TOOLS_ANSWER_BYTES - 8000)

/* A hundred years and some. */
#define HOURS_MAX 1000000

/* See the header. */
int
toolpage_limit(Jsonb *args)
{
	int64		limit = toolargs_int8(args, "limit");

	return limit <= 0 ? TOOLPAGE_DEFAULT : (int) Min(limit, TOOLPAGE_MAX);
}

/* See the header. */
int64
toolpage_hours(Jsonb *args)
{
	return Min(Max(toolargs_int8(args, "since_hours"), 0), HOURS_MAX);
}

bool
toolpage_cursor(Jsonb *args, const char *tool, int64 *id, ToolResult **fault)
{
	char	   *text = toolargs_text(args, "cursor");
	size_t		n = strlen(tool);
	char	   *end;

	*id = 0;
	if (text == NULL || text[0] == '\0')
		return true;
	if (strncmp(text, tool, n) == 0 && text[n] == ':' && text[n + 1] >= '0' && text[n + 1] <= '9')
	{
		errno = 0;
		*id = strtoll(text + n + 1, &end, 10);
		if (errno == 0 && *end == '\0' && *id > 0)
			return true;
	}
	*fault = tools_error("argument \"cursor\" is none of this tool's. Give next_cursor of the answer before, or leave it out.");
	return false;
}

void
toolpage_key(StringInfo buf, const char *key)
{
	appendStringInfo(buf, "%s\"%s\":", buf->data[buf->len - 1] == '{' ? "" : ",", key);
}

void
toolpage_text(StringInfo buf, const char *key, const char *value)
{
	if (value == NULL)
		return;
	toolpage_key(buf, key);
	escape_json(buf, value);
}

void
toolpage_int8(StringInfo buf, const char *key, int64 value)
{
	toolpage_key(buf, key);
	appendStringInfo(buf, INT64_FORMAT, value);
}

void
toolpage_bool(StringInfo buf, const char *key, bool value)
{
	toolpage_json(buf, key, value ? "true" : "false");
}

void
toolpage_json(StringInfo buf, const char *key, const char *json)
{
	if (json == NULL)
		return;
	toolpage_key(buf, key);
	appendStringInfoString(buf, json);
}

/* See the header. What needs escapes (control characters) is cut shorter, and
 * shorter again. */
void
toolpage_cut(StringInfo buf, const char *key, const char *value, int max)
{
	StringInfoData json;
	int			len;
	int			told;

	if (value == NULL)
		return;
	len = strlen(value);
	told = len;
	initStringInfo(&json);
	for (int room = max;; room /= 2)
	{
		char	   *text;

		if (len > room)
			told = pg_mbcliplen(value, len, room);
		text = pnstrdup(value, told);
		resetStringInfo(&json);
		escape_json(&json, told < len ? psprintf("%s... (%d bytes in all)", text, len) : text);
		if (json.len <= 2 * max + 40)
			break;
	}
	toolpage_json(buf, key, json.data);
}

bool
toolpage_entry(StringInfo buf, const char *entry)
{
	bool		first = buf->data[buf->len - 1] == '[';

	if (!first && buf->len + strlen(entry) > LIST_ROOM)
		return false;
	appendStringInfo(buf, "%s%s", first ? "" : ",", entry);
	return true;
}

ToolResult *
toolpage_answer(StringInfo buf)
{
	return tools_answer(buf->data);
}

ToolResult *
toolpage_end(StringInfo buf, const char *tool, bool has_more, int64 last)
{
	appendStringInfoChar(buf, ']');
	toolpage_bool(buf, "has_more", has_more);
	if (has_more)
		toolpage_text(buf, "next_cursor", psprintf("%s:" INT64_FORMAT, tool, last));
	appendStringInfoChar(buf, '}');
	return toolpage_answer(buf);
}
