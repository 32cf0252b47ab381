/*
 * mapsteps.c
 *	  Steps that change no table: what becomes of payloads (mapping.h).
 *
 * What a person reads of such a step is the call of add_mapping() that it
 * amounts to. Nothing runs that text: the mapping is written by mapping_add.
 */
#include "postgres.h"

#include "base/spi.h"
#include "catalog/pg_type.h"
#include "decide/mapsteps.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"

/* Which mapping a kind of step makes. */
static const struct
{
	StepKind	step;
	MappingKind mapping;
}			kinds[] =

{
	{STEP_MAP_FIELD, MAP_FIELD},
	{STEP_IGNORE_FIELD, MAP_IGNORE_FIELD},
	{STEP_STRIP_NUL, MAP_STRIP_NUL},
	{STEP_TRIM, MAP_TRIM},
	{STEP_NULL_IF, MAP_NULL_IF},
	{STEP_MAP_VALUE, MAP_VALUE},
	{STEP_PARSE_TIMESTAMP, MAP_PARSE_TIMESTAMP},
	{STEP_PARSE_NUMBER, MAP_PARSE_NUMBER},
	{STEP_PARSE_POINT, MAP_PARSE_POINT},
	{STEP_DECODE_TEXT, MAP_DECODE_TEXT},
	{STEP_OVERFLOW_TO_JSONB, MAP_OVERFLOW},
};

bool
mapsteps_is(const PlanStep *step)
{
	return plan_step_place(step->kind) == STEP_IN_MAPPING;
}

static MappingKind
kind_of(StepKind step)
{
	for (int i = 0; i < (int) lengthof(kinds); i++)
		if (kinds[i].step == step)
			return kinds[i].mapping;
	elog(ERROR, "%s makes no mapping", plan_step_name(step));
}

/* A mapping of values goes to the column of the key's own name when no other
 * is named. */
static bool
is_of_values(MappingKind kind)
{
	return kind >= MAP_STRIP_NUL;
}

/* See the header. */
PlanStep *
mapsteps_make(MappingKind kind, const char *field, const char *column, const Jsonb *args)
{
	PlanStep   *step = NULL;
	StringInfoData to;

	for (int i = 0; i < (int) lengthof(kinds); i++)
		if (kinds[i].mapping == kind)
			step = plan_step(kinds[i].step,
							 kind == MAP_OVERFLOW ? column : field ? field : "", InvalidOid, -1);
	initStringInfo(&to);
	appendStringInfoString(&to, "{");
	if (kind != MAP_OVERFLOW && column != NULL && (field == NULL || strcmp(field, column) != 0))
	{
		appendStringInfoString(&to, "\"to\": ");
		escape_json(&to, column);
	}
	appendStringInfoChar(&to, '}');
	step->args = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(to.data)));
	if (args != NULL)
		step->args = DatumGetJsonbP(DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(args),
														JsonbPGetDatum(step->args)));
	return step;
}

/* Args without "to", and "to" itself, or NULL. */
static Jsonb *
split_args(const PlanStep *step, char **to)
{
	JsonbValue	v;

	*to = NULL;
	if (step->args == NULL)
		return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum("{}")));
	if (getKeyJsonValueFromContainer(&step->args->root, "to", 2, &v) != NULL &&
		v.type == jbvString)
		*to = pnstrdup(v.val.string.val, v.val.string.len);
	return DatumGetJsonbP(DirectFunctionCall2(jsonb_delete, JsonbPGetDatum(step->args),
											  CStringGetTextDatum("to")));
}

/* See the header. */
Mapping *
mapsteps_mapping(Oid relid, const PlanStep *step)
{
	Mapping    *m = palloc0(sizeof(Mapping));

	m->relid = relid;
	m->kind = kind_of(step->kind);
	m->args = split_args(step, &m->column);
	if (m->kind == MAP_OVERFLOW)
		m->column = pstrdup(step->column);
	else if (m->kind != MAP_DECODE_TEXT)
		m->field = pstrdup(step->column);
	if (m->column == NULL && is_of_values(m->kind))
		m->column = pstrdup(step->column);
	return m;
}

/* See the header. */
List *
mapsteps_mappings(Oid relid, const List *steps)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, steps)
	{
		if (mapsteps_is(lfirst(lc)))
			result = lappend(result, mapsteps_mapping(relid, lfirst(lc)));
	}
	return result;
}

/* ---- vetting ---- */

/* The step of the plan that adds this column, or NULL. */
static const PlanStep *
added_by(const HealPlan *plan, const char *column)
{
	ListCell   *lc;

	foreach(lc, plan->steps)
	{
		const PlanStep *step = lfirst(lc);

		if (step->kind == STEP_ADD_COLUMN && strcmp(step->column, column) == 0)
			return step;
	}
	return NULL;
}

/* The mappings of the plan's steps before this one. */
static List *
before(const HealPlan *plan, const PlanStep *step)
{
	List	   *steps = NIL;
	ListCell   *lc;

	foreach(lc, plan->steps)
	{
		if (lfirst(lc) == step)
			break;
		steps = lappend(steps, lfirst(lc));
	}
	return mapsteps_mappings(plan->relid, steps);
}

static bool
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/*
 * See the header. A column that the plan adds is not there yet: its mapping is
 * looked at as far as it can be, and once more, as a whole, in the transaction
 * that adds both (mapapply.c).
 */
bool
mapsteps_check(const StepSite *site, const PlanStep *step, bool *true_already, char **reason)
{
	Mapping    *m = mapsteps_mapping(site->relid, step);
	List	   *present = mapping_with(mapping_list(site->relid), before(site->plan, step));
	const Mapping *there = mapping_replaces(present, m);
	const PlanStep *added = m->column ? added_by(site->plan, m->column) : NULL;
	PlanStep   *canonical;
	char	   *why;
	char	   *hint;

	if (m->field != NULL && m->field[0] == '\0')
		return plan_refuse(reason, "a mapping needs a key");
	if (there != NULL && there->kind == m->kind && same_text(there->field, m->field) &&
		same_text(there->column, m->column) && there->args != NULL &&
		compareJsonbContainers(&there->args->root, &m->args->root) == 0)
	{
		*true_already = true;
		return true;
	}
	if (m->kind == MAP_OVERFLOW && added != NULL && added->type == JSONBOID &&
		m->args != NULL && JB_ROOT_COUNT(m->args) == 0)
		return true;
	if (m->kind == MAP_FIELD && added != NULL)
	{
		if (JB_ROOT_COUNT(m->args) > 0 || strcmp(m->field, m->column) == 0)
			return plan_refuse(reason, "key \"%s\": only a whole key can go to a new column, of another name",
							   m->field);
		return true;
	}
	if (!mapping_check(site->relid, present, m, &why, &hint))
		return plan_refuse(reason, "%s%s%s", why, hint ? ": " : "", hint ? hint : "");
	canonical = mapsteps_make(m->kind, m->field, m->column, m->args);
	if (compareJsonbContainers(&canonical->args->root, &step->args->root) != 0)
		return plan_refuse(reason, "%s of key \"%s\": its arguments are written %s",
						   plan_step_name(step->kind), step->column,
						   JsonbToCString(NULL, &canonical->args->root, VARSIZE(canonical->args)));
	return true;
}

/* ---- for people ---- */

/* See the header: one line. */
List *
mapsteps_words(Oid relid, const PlanStep *step)
{
	Mapping    *m = mapsteps_mapping(relid, step);
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfo(&buf, "SELECT selfheal.add_mapping(%s, %s, %s",
					 quote_literal_cstr(plan_relation_name(relid)),
					 quote_literal_cstr(mapping_kind_name(m->kind)),
					 m->field ? quote_literal_cstr(m->field) : "NULL");
	if (JB_ROOT_COUNT(m->args) > 0)
		appendStringInfo(&buf, ", %s",
						 quote_literal_cstr(JsonbToCString(NULL, &m->args->root, VARSIZE(m->args))));
	if (m->column != NULL && !same_text(m->field, m->column))
		appendStringInfo(&buf, ", column_name => %s", quote_literal_cstr(m->column));
	appendStringInfoChar(&buf, ')');
	return list_make1(buf.data);
}

/* See the header. Its number is not known before it is added. */
void
mapsteps_undo(const HealPlan *plan, const PlanStep *step, StepUndo *undo)
{
	Mapping    *m = mapsteps_mapping(plan->relid, step);

	appendStringInfo(&undo->after,
					 "SELECT selfheal.remove_mapping(id) FROM selfheal.mappings WHERE table_name = %s"
					 " AND kind = %s",
					 quote_literal_cstr(plan_relation_name(plan->relid)),
					 quote_literal_cstr(mapping_kind_name(m->kind)));
	if (m->field != NULL)
		appendStringInfo(&undo->after, " AND field = %s", quote_literal_cstr(m->field));
	if (m->column != NULL)
		appendStringInfo(&undo->after, " AND column_name = %s", quote_literal_cstr(m->column));
	appendStringInfoString(&undo->after, " AND state = 'active';\n");
}

/* See the header. */
char *
mapsteps_removed(Oid relid, const PlanStep *step)
{
	MemoryContext cxt = CurrentMemoryContext;
	Mapping    *m = mapsteps_mapping(relid, step);
	char	   *reason = NULL;
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, relid);
	spi_arg_text(&args, mapping_kind_name(m->kind));
	spi_arg_text(&args, m->field);
	spi_arg_text(&args, m->column);
	if (spi_exec("SELECT m.id, m.removed_by FROM selfheal.mapping m WHERE m.relid = $1 AND m.kind = $2"
				 " AND m.field IS NOT DISTINCT FROM $3 AND m.column_name IS NOT DISTINCT FROM $4"
				 " AND m.state = 'removed'"
				 " AND NOT EXISTS (SELECT FROM selfheal.mapping l WHERE l.relid = m.relid AND l.kind = m.kind"
				 "  AND l.field IS NOT DISTINCT FROM m.field AND l.column_name IS NOT DISTINCT FROM m.column_name"
				 "  AND l.id > m.id)"
				 " AND NOT EXISTS (SELECT FROM selfheal.hint h WHERE h.relid = m.relid AND h.key = m.field"
				 "  AND h.hinted_at > m.removed_at)"
				 " ORDER BY m.id DESC LIMIT 1", &args) > 0)
	{
		char	   *by = spi_get_text(0, 2, cxt);
		int64		id = spi_get_int8(0, 1, NULL);
		MemoryContext old = MemoryContextSwitchTo(cxt);

		reason = psprintf("%s has removed mapping " INT64_FORMAT ", which read such rows (%s): "
						  "it is not proposed again; add_mapping() brings it back",
						  by, id, mapping_words(m));
		MemoryContextSwitchTo(old);
	}
	spi_close(&saved);
	return reason;
}
