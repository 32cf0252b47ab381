/*
 * toolpage.h
 *	  Answers of tools as JSON: members, pages, cursors.
 *
 * An answer is never longer than TOOLS_ANSWER_BYTES: each text is cut to its
 * own length, with a mark that says so, and a list ends while there is room,
 * with a cursor for the rest. A cursor belongs to its tool: "<tool>:<id>",
 * which nobody needs to know.
 */
#ifndef SELFHEAL_TOOLPAGE_H
#define SELFHEAL_TOOLPAGE_H

#include "postgres.h"

#include "lib/stringinfo.h"
#include "serve/tools.h"

/* Entries of one answer: at most, and when none is asked for. */
#define TOOLPAGE_MAX 50
#define TOOLPAGE_DEFAULT 20

/* Properties of an output schema by their type. */
#define TOOLPAGE_STRING(name) "\"" name "\":{\"type\":\"string\"}"
#define TOOLPAGE_INTEGER(name) "\"" name "\":{\"type\":\"integer\"}"
#define TOOLPAGE_BOOLEAN(name) "\"" name "\":{\"type\":\"boolean\"}"
#define TOOLPAGE_NUMBER(name) "\"" name "\":{\"type\":\"number\"}"

/* These arguments of a list, as properties of its schema. */
#define TOOLPAGE_PROPERTIES \
	"\"limit\":{\"type\":\"integer\",\"description\":\"Entries at most: 1 to 50, 20 when left out.\"}," \
	"\"cursor\":{\"type\":\"string\",\"description\":\"next_cursor of the answer before.\"}"

/* How many entries are asked for. */
extern int	toolpage_limit(Jsonb *args);

/* "since_hours": of how many hours; 0: of all. What is more than our records are
 * old is cut, so that a time can be told by it. */
extern int64 toolpage_hours(Jsonb *args);

/* Where to go on: entries with an id below; 0: from the newest. False: *fault
 * is the answer, the cursor is none of this tool's. */
extern bool toolpage_cursor(Jsonb *args, const char *tool, int64 *id, ToolResult **fault);

/* Members of an object that was begun by '{', each with its comma. NULL adds
 * nothing. */
extern void toolpage_text(StringInfo buf, const char *key, const char *value);
extern void toolpage_int8(StringInfo buf, const char *key, int64 value);
extern void toolpage_bool(StringInfo buf, const char *key, bool value);
extern void toolpage_json(StringInfo buf, const char *key, const char *json);
extern void toolpage_key(StringInfo buf, const char *key);

/* A text of at most so many bytes; of a longer one its beginning and
 * "... (n bytes in all)". Nor does it take more than twice that as JSON. */
extern void toolpage_cut(StringInfo buf, const char *key, const char *value, int max);

/* An entry of a list that was begun by '['. False: there is no room, and it was
 * not added. The first always has room. */
extern bool toolpage_entry(StringInfo buf, const char *entry);

/* The end of a list, and of the answer: is there more, and how is it had? */
extern ToolResult *toolpage_end(StringInfo buf, const char *tool, bool has_more, int64 last);

/* An answer that is one object. */
extern ToolResult *toolpage_answer(StringInfo buf);

/* The members that toolpage_end adds, as properties of an output schema. */
#define TOOLPAGE_END_SCHEMA "\"has_more\":{\"type\":\"boolean\"},\"next_cursor\":{\"type\":\"string\"}"

#endif							/* SELFHEAL_TOOLPAGE_H */
