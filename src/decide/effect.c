/*
 * effect.c
 *	  What a plan does to something else: one line, for people and for the
 *	  policy, and how it is collected, cut, told and stored.
 */
#include "postgres.h"

#include "base/compat.h"
#include "decide/effect.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"

/* Names in one text. */
#define SHOWN_NAMES 5

/* A line while it is made: effect is before, the columns, after. */
typedef struct Draft
{
	ImpactLine	line;
	const char *before;
	const char *after;			/* NULL: no column is spoken of in the text */
	List	   *columns;		/* char * */
	int			nth;			/* as it came */
} Draft;

static const char *const level_names[] = {"note", "review", "refuse"};

char *
effect_some_of(const List *names, bool quote)
{
	StringInfoData buf;
	ListCell   *lc;

	initStringInfo(&buf);
	foreach(lc, names)
	{
		int			i = foreach_current_index(lc);
		const char *name = lfirst(lc);

		if (i == SHOWN_NAMES)
		{
			appendStringInfo(&buf, " and %d more", list_length(names) - i);
			break;
		}
		appendStringInfo(&buf, "%s%s", i > 0 ? ", " : "",
						 quote ? quote_identifier(name) : name);
	}
	return buf.data;
}

void
effect_add(List **drafts, const char *kind, const char *object,
		   const PlanStep *step, ImpactLevel level, int depth,
		   const char *before, const char *after)
{
	Draft	   *draft;
	ListCell   *lc;

	foreach(lc, *drafts)
	{
		draft = lfirst(lc);
		if (strcmp(draft->line.kind, kind) == 0 &&
			strcmp(draft->line.object, object) == 0 &&
			draft->line.level == level &&
			strcmp(draft->before, before) == 0 &&
			(after == NULL) == (draft->after == NULL) &&
			(after == NULL || strcmp(draft->after, after) == 0))
		{
			if (step != NULL && draft->columns != NIL)
				draft->columns = lappend(draft->columns, step->column);
			return;
		}
	}
	draft = palloc0(sizeof(Draft));
	draft->line.kind = kind;
	draft->line.object = pstrdup(object);
	draft->line.level = level;
	draft->line.depth = depth;
	draft->before = before;
	draft->after = after;
	draft->nth = list_length(*drafts);
	if (step != NULL)
	{
		draft->line.step = step->kind;
		draft->columns = list_make1(step->column);
	}
	*drafts = lappend(*drafts, draft);
}

/* Gravest first, then nearest first, then as they came. */
static int
by_level(const ListCell *a, const ListCell *b)
{
	const Draft *x = lfirst(a);
	const Draft *y = lfirst(b);

	if (x->line.level != y->line.level)
		return (int) y->line.level - (int) x->line.level;
	if (x->line.depth != y->line.depth)
		return x->line.depth - y->line.depth;
	return x->nth - y->nth;
}

List *
effect_lines(List *drafts, bool notes)
{
	List	   *lines = NIL;
	ListCell   *lc;
	ListCell   *lc2;

	list_sort(drafts, by_level);
	foreach(lc, drafts)
	{
		Draft	   *draft = lfirst(lc);
		ImpactLine *line = &draft->line;
		int			same = 0;
		int			more = 0;

		if (!notes && line->level == IMPACT_NOTE)
			continue;
		foreach(lc2, drafts)
		{
			const Draft *other = lfirst(lc2);

			if (other->line.level != line->level ||
				strcmp(other->line.kind, line->kind) != 0)
				continue;
			more++;
			if (foreach_current_index(lc2) < foreach_current_index(lc))
				same++;
		}
		if (same > IMPACT_MAX_LINES)
			continue;
		if (same == IMPACT_MAX_LINES)
		{
			line->object = psprintf("and %d more", more - same);
			line->effect = "likewise";
			line->depth = 0;
		}
		else
		{
			char	   *columns = effect_some_of(draft->columns, true);

			line->column = draft->columns == NIL ? NULL : columns;
			line->effect = draft->after == NULL ? pstrdup(draft->before) :
				psprintf("%s%s%s", draft->before, columns, draft->after);
		}
		lines = lappend(lines, line);
	}
	return lines;
}

Jsonb *
effect_json(const List *lines)
{
	StringInfoData buf;
	ListCell   *lc;

	if (lines == NIL)
		return NULL;
	initStringInfo(&buf);
	appendStringInfoChar(&buf, '[');
	foreach(lc, lines)
	{
		const ImpactLine *line = lfirst(lc);

		appendStringInfo(&buf, "%s{\"kind\": ",
						 foreach_current_index(lc) > 0 ? ", " : "");
		escape_json(&buf, line->kind);
		appendStringInfoString(&buf, ", \"object\": ");
		escape_json(&buf, line->object);
		appendStringInfoString(&buf, ", \"column\": ");
		if (line->column == NULL)
			appendStringInfoString(&buf, "null");
		else
			escape_json(&buf, line->column);
		appendStringInfoString(&buf, ", \"effect\": ");
		escape_json(&buf, line->effect);
		appendStringInfo(&buf, ", \"level\": \"%s\"", level_names[line->level]);
		if (line->depth > 1)
			appendStringInfo(&buf, ", \"depth\": %d", line->depth);
		appendStringInfoChar(&buf, '}');
	}
	appendStringInfoChar(&buf, ']');
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in,
											  CStringGetDatum(buf.data)));
}

Jsonb *
effect_join(const Jsonb *forecast, const Jsonb *impact)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoString(&buf, "{\"impact\": ");
	(void) JsonbToCString(&buf, &unconstify(Jsonb *, impact)->root,
						  VARSIZE(impact));
	appendStringInfoChar(&buf, '}');
	return DatumGetJsonbP(DirectFunctionCall2(jsonb_concat,
											  JsonbPGetDatum(forecast),
											  DirectFunctionCall1(jsonb_in,
																  CStringGetDatum(buf.data))));
}

char *
effect_text(const ImpactLine *line)
{
	if (line->depth > 1)
		return psprintf("%s %s (level %d): %s", line->kind, line->object,
						line->depth, line->effect);
	return psprintf("%s %s: %s", line->kind, line->object, line->effect);
}
