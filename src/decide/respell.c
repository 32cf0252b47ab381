/*
 * respell.c
 *	  The step of words that may be another spelling of what a column takes.
 */
#include "postgres.h"

#include "decide/mapsteps.h"
#include "decide/respell.h"
#include "orient/alike.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"

/* See the header. */
const char *
respell_of(const List *texts, const char *text)
{
	ListCell   *lc;

	foreach(lc, texts)
	{
		const char *other = lfirst(lc);

		if (strcmp(other, text) != 0 && alike_names(other, text))
			return other;
	}
	return NULL;
}

/* Words of a mapping of the column that is there already, which the new one
 * takes the place of; NULL: none. */
static const Jsonb *
words_so_far(Oid relid, const char *column)
{
	PlanStep   *step = mapsteps_make(MAP_VALUE, column, NULL, NULL);
	const Mapping *there = mapping_replaces(mapping_list(relid),
											mapsteps_mapping(relid, step));
	JsonbValue	v;

	if (there == NULL || there->args == NULL ||
		getKeyJsonValueFromContainer(&there->args->root, "words", 5, &v) == NULL)
		return NULL;
	return JsonbValueToJsonb(&v);
}

/* {"words": {...}}: those that are read so far, and these (word, label, word,
 * ...). */
static Jsonb *
words_args(Oid relid, const char *column, const List *pairs)
{
	const Jsonb *before = words_so_far(relid, column);
	StringInfoData buf;
	Datum		words;

	initStringInfo(&buf);
	appendStringInfoChar(&buf, '{');
	for (int i = 0; i < list_length(pairs); i += 2)
	{
		appendStringInfoString(&buf, i > 0 ? ", " : "");
		escape_json(&buf, list_nth(pairs, i));
		appendStringInfoString(&buf, ": ");
		escape_json(&buf, list_nth(pairs, i + 1));
	}
	appendStringInfoChar(&buf, '}');
	words = DirectFunctionCall1(jsonb_in, CStringGetDatum(buf.data));
	if (before != NULL)
		words = DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(before), words);
	resetStringInfo(&buf);
	appendStringInfo(&buf, "{\"words\": %s}",
					 JsonbToCString(NULL, &DatumGetJsonbP(words)->root, VARSIZE(DatumGetPointer(words))));
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(buf.data)));
}

/* See the header. */
char *
respell_words(const List *pairs)
{
	StringInfoData said;

	initStringInfo(&said);
	for (int i = 0; i < list_length(pairs); i += 2)
		appendStringInfo(&said, "%s\"%s\" for \"%s\"", i > 0 ? ", " : "",
						 (char *) list_nth(pairs, i), (char *) list_nth(pairs, i + 1));
	return said.data;
}

/* See the header. */
PlanStep *
respell_step(Remedy *r, const char *column, const List *pairs)
{
	remedy_option(r, true, psprintf("map_value: %s", respell_words(pairs)),
				  "a spelling that differs by case, blanks or one letter; which label it is, a person says");
	return mapsteps_make(MAP_VALUE, column, NULL, words_args(r->diagnosis->relid, column, pairs));
}
