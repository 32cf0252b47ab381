/*
 * newkey.c
 *	  The playbook of a key that is no column.
 */
#include "postgres.h"

#include "base/canon.h"
#include "catalog/heap.h"
#include "catalog/pg_type.h"
#include "decide/lattice.h"
#include "decide/mapsteps.h"
#include "decide/newkey.h"
#include "mb/pg_wchar.h"
#include "orient/taught.h"
#include "utils/builtins.h"

/*
 * A new key of which the team has said something: the type of its column, or
 * a column that is not there any more.
 */
static void
add_hinted(Remedy *r)
{
	const Finding *f = r->finding;
	Oid			type;
	int32		typmod;

	if (r->hint->type == NULL && r->hint->rename_to != NULL)
	{
		r->explanation = psprintf("The key %s goes to column %s by a hint, and the table has "
								  "no such column: it takes another hint, or unhint().",
								  quote_identifier(f->column),
								  quote_identifier(r->hint->rename_to));
		return;
	}
	if (r->hint->type == NULL)
		elog(ERROR, "key \"%s\" is not left out", f->column);
	lattice_parse(r->hint->type, &type, &typmod);
	r->step = plan_step(STEP_ADD_COLUMN, f->column, type, typmod);
	r->explanation = psprintf("%s the new key %s, whose column is of type %s by a hint.",
							  remedy_rows_bring(f), quote_identifier(f->column), r->hint->type);
	remedy_option(r, true, psprintf("new column of type %s", r->hint->type),
				  "the team has said so");
	remedy_option(r, false, "the type that its values prove",
				  "the team's word comes before what is inferred");
}

/* A new column of the type that so many values prove. */
static PlanStep *
add_step(const char *column, Oid type, const Evidence *e)
{
	PlanStep   *step = plan_step(STEP_ADD_COLUMN, column, type, -1);

	if (e->values < TAUGHT_ENOUGH)
		step->evidence = e->values;
	return step;
}

/* " (evidence: 3)", or nothing where the type is sure. */
static char *
evidence_words(const PlanStep *step)
{
	return step->evidence > 0 ? psprintf(" (evidence: " INT64_FORMAT ")", step->evidence) :
		pstrdup("");
}

/* See the header. */
void
newkey_add(Remedy *r, const Evidence *e)
{
	const Finding *f = r->finding;
	Oid			type = infer_type(e);
	char	   *name;

	if (f->class != FIT_UNKNOWN_KEY)
		return;					/* a name that no column can have */
	if (SystemAttributeByName(f->column) != NULL)
	{
		r->explanation = psprintf("PostgreSQL keeps the name %s for itself: no "
								  "column can have it.",
								  quote_identifier(f->column));
		return;
	}
	if (r->hint != NULL)
	{
		add_hinted(r);
		return;
	}
	if (!OidIsValid(type) && remedy_is_stated(f))
	{
		r->certain = true;
		r->explanation = psprintf("A statement names the new column %s, and gives no value that tells its type: "
								  "a person adds it, or hint() says the type.", quote_identifier(f->column));
		return;
	}
	if (!OidIsValid(type))
	{
		r->replay_only = true;
		r->explanation = psprintf("The new key %s was always null, which tells "
								  "no type and needs no column.",
								  quote_identifier(f->column));
		remedy_option(r, true, "no column", "only nulls were seen");
		return;
	}

	name = lattice_name(type, -1);
	r->step = add_step(f->column, type, e);
	r->explanation = psprintf("%s the new key %s, and %s %s%s.",
							  remedy_rows_bring(f), quote_identifier(f->column),
							  e->values == 1 ? "its value fits" :
							  psprintf("all " INT64_FORMAT " values seen fit",
									   e->values), name, evidence_words(r->step));
	remedy_option(r, true, psprintf("new column of type %s", name),
				  "the smallest type that every value seen proves and the next one "
				  "will not outgrow");
	switch (type)
	{
		case TEXTOID:
			remedy_option(r, false, "varchar(n)",
						  "a guessed limit is the next failure");
			break;
		case INT8OID:
			remedy_option(r, false, "integer",
						  "it may be outgrown, and to widen it rewrites the table");
			break;
		case NUMERICOID:
			remedy_option(r, false, "double precision",
						  "it does not keep every digit");
			break;
		case JSONBOID:
			remedy_option(r, false, "a table of its own",
						  "what the parts mean is for a person to say");
			remedy_option(r, false, "columns for its parts",
						  "which parts matter is for a person to say: add_mapping() with a path");
			break;
		default:
			remedy_option(r, false, "text", "every value proves more than that");
			break;
	}
	r->alike = f->alike;
	if (r->alike != NULL)
	{
		r->explanation = psprintf("%s It may be another spelling of %s, with which no "
								  "payload brings it together: hint() says where it goes, "
								  "approval makes it a column of its own.",
								  r->explanation, quote_identifier(r->alike));
		remedy_option(r, false, psprintf("the same as %s", r->alike),
					  "whether it is, only the team can say: hint()");
	}
	remedy_option(r, false, "leave the key out", "its values would be lost");
	remedy_option(r, false, "NOT NULL or a default",
				  "rows that are stored already never had a value");
}

/* Digits of the key's hash behind its beginning. */
#define SHORT_HASH 6

/* The column's name of a key that is too long for one. */
static char *
short_name(const char *key)
{
	int			room = NAMEDATALEN - 2 - SHORT_HASH;
	int			len = pg_mbcliplen(key, (int) strlen(key), room);

	for (int i = len; i > len / 2; i--)
	{
		if (key[i] == '_' || key[i] == ' ' || key[i] == '.' || key[i] == '-')
		{
			len = i;
			break;
		}
	}
	return psprintf("%.*s_%.*s", len, key, SHORT_HASH, canon_sha256(key));
}

/* See the header. Keys that are cut alike share a finding, and its evidence. */
void
newkey_shorten(Remedy *r, const Evidence *e)
{
	const Finding *f = r->finding;
	Oid			type = infer_type(e);
	StringInfoData names;
	PlanStep   *add = NULL;

	if (f->class != FIT_KEY_TOO_LONG || f->samples == NULL || !OidIsValid(type))
		return;
	initStringInfo(&names);
	for (int i = 0; i < f->samples->n; i++)
	{
		const char *key = f->samples->values[i].val;
		char	   *column = short_name(key);
		PlanStep   *map = mapsteps_make(MAP_FIELD, key, column, NULL);

		add = add_step(column, type, e);
		r->also = lappend(r->also, add);
		if (r->step == NULL)
			r->step = map;
		else
			r->also = lappend(r->also, map);
		appendStringInfo(&names, "%s%s", i > 0 ? ", " : "", quote_identifier(column));
	}
	r->explanation = psprintf("%s a key that is longer than a column's name can be: it goes to a new column %s "
							  "of type %s%s by a mapping.",
							  remedy_rows_bring(f), names.data, lattice_name(type, -1),
							  add ? evidence_words(add) : "");
	remedy_option(r, true, psprintf("column %s, and a mapping of the key to it", names.data),
				  "the key's beginning and six digits of its hash: readable, and no two are the same");
	remedy_option(r, false, "the first 63 bytes as the name", "keys that begin alike would be one column");
	remedy_option(r, false, "leave the key out", "its values would be lost");
}
