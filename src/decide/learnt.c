/*
 * learnt.c
 *	  What applied plans of Claude's have in common, as rows (selfheal.learnt).
 *
 * A template is JSON, as the steps of a plan are. A hole is an object, which
 * no name can be, so that nothing that a payload or a model says is taken for
 * one.
 */
#include "postgres.h"

#include "base/guc_claude.h"
#include "base/spi.h"
#include "decide/learnt.h"
#include "utils/builtins.h"

#define HOLE "'{\"hole\": \"column\"}'::jsonb"

static const char *const state_names[] = {"noticed", "offered", "promoted", "demoted"};

/* What the catalog says of a column of $1. */
#define COLUMN_OF(name) \
	"(SELECT jsonb_build_object('type', format_type(a.atttypid, a.atttypmod), 'nullable', NOT a.attnotnull)" \
	"  FROM pg_attribute a WHERE a.attrelid = $1 AND a.attname = " name " AND a.attnum > 0 AND NOT a.attisdropped)"

/* The names that steps have beside the hole. */
#define NAMES_OF(steps) \
	"(SELECT DISTINCT n.name FROM jsonb_array_elements(" steps ") s," \
	"  LATERAL (VALUES (s -> 'column'), (s #> '{args,to}')) v(j), LATERAL (SELECT v.j #>> '{}') n(name)" \
	"  WHERE jsonb_typeof(v.j) = 'string' AND n.name <> '')"

/* The catalog pattern of table $1 and column $2. */
#define CATALOG_OF(steps) \
	"jsonb_build_object('table', (SELECT CASE WHEN c.relispartition THEN 'partition' WHEN c.relkind = 'p' THEN 'partitioned'" \
	"   WHEN c.relkind = 'f' THEN 'foreign' ELSE 'table' END FROM pg_class c WHERE c.oid = $1)," \
	" 'column', " COLUMN_OF("$2") "," \
	" 'others', coalesce((SELECT jsonb_object_agg(o.name, " COLUMN_OF("o.name") ") FROM " NAMES_OF(steps) " o), '{}'))"

/* Is $2 a column of $1? */
#define IS_COLUMN \
	"EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = $1 AND a.attname = $2 AND a.attnum > 0 AND NOT a.attisdropped)"

/* SQLSTATE of an incident's newest error. */
#define SQLSTATE_OF(incident) \
	"(SELECT e.sqlstate FROM selfheal.error e WHERE e.incident = " incident " ORDER BY e.id DESC LIMIT 1)"

char *
learnt_name(int64 id)
{
	return psprintf("learnt:" INT64_FORMAT, id);
}

const char *
learnt_state_name(LearntState state)
{
	return state_names[state];
}

/*
 * See the header. A new partition or table is of one place only. Steps that
 * are about another column than the misfit's are learnt of only where another
 * step takes the misfit's values there.
 */
LearntPattern *
learnt_pattern(const PlanRow *row)
{
	MemoryContext cxt = CurrentMemoryContext;
	LearntPattern *p;
	Incident   *inc;
	Jsonb	   *plan;
	SpiUser		saved;
	SpiArgs		args;

	if (row->conversation == 0 || row->nincidents == 0 || row->plan == NULL || row->plan->steps == NIL)
		return NULL;
	inc = incident_get(row->incidents[0]);
	plan = plan_to_jsonb(row->plan);
	p = palloc0(sizeof(LearntPattern));
	p->incident = inc->id;
	p->class = inc->class;
	p->column = inc->column;
	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, row->relid);
	spi_arg_text(&args, inc->column);
	spi_arg_jsonb(&args, plan);
	spi_arg_int8(&args, inc->id);
	if (spi_exec("WITH x AS (SELECT " IS_COLUMN " AS known),"
				 " t AS (SELECT jsonb_agg(d.s ORDER BY e.n) AS steps FROM x,"
				 "  jsonb_array_elements($3 -> 'steps') WITH ORDINALITY e(s, n),"
				 "  LATERAL (SELECT e.s - 'evidence' || CASE WHEN known AND e.s ->> 'column' = $2"
				 "   THEN jsonb_build_object('column', " HOLE ") ELSE '{}' END) b(s),"
				 "  LATERAL (SELECT CASE WHEN known AND b.s #>> '{args,path,0}' = $2"
				 "   THEN jsonb_set(b.s, '{args,path,0}', " HOLE ") ELSE b.s END) c(s),"
				 "  LATERAL (SELECT CASE WHEN known AND c.s #>> '{args,to}' = $2"
				 "   THEN jsonb_set(c.s, '{args,to}', " HOLE ") ELSE c.s END) d(s))"
				 " SELECT CASE WHEN NOT known THEN $2 END, t.steps, " CATALOG_OF("t.steps") ", " SQLSTATE_OF("$4")
				 " FROM x, t WHERE NOT EXISTS (SELECT FROM jsonb_array_elements(t.steps) s"
				 "   WHERE s ->> 'kind' IN ('attach_partition', 'create_table')"
				 "    OR ($2 IS NOT NULL AND jsonb_typeof(s -> 'column') = 'string' AND s ->> 'column' <> $2"
				 "     AND NOT EXISTS (SELECT FROM jsonb_array_elements(t.steps) o"
				 "      WHERE o #>> '{args,to}' = s ->> 'column' AND (o -> 'column' = " HOLE " OR o ->> 'column' = $2))))"
				 "  AND ($2 IS NULL OR EXISTS (SELECT FROM jsonb_array_elements(t.steps) s"
				 "   WHERE s -> 'column' = " HOLE " OR s #> '{args,to}' = " HOLE " OR s ->> 'column' = $2))", &args) == 0)
		p = NULL;
	else
	{
		p->subject = spi_get_text(0, 1, cxt);
		p->steps = spi_get_jsonb(0, 2, cxt);
		p->catalog = spi_get_jsonb(0, 3, cxt);
		p->sqlstate = spi_get_text(0, 4, cxt);
	}
	spi_close(&saved);
	return p;
}

/* See the header. */
void
learnt_keep(const PlanRow *row, const LearntPattern *pattern)
{
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_text(&args, pattern->sqlstate);
	spi_arg_text(&args, pattern->class);
	spi_arg_text(&args, pattern->subject);
	spi_arg_jsonb(&args, pattern->catalog);
	spi_arg_jsonb(&args, pattern->steps);
	spi_arg_int8(&args, row->id);
	spi_arg_int8(&args, pattern->incident);
	spi_arg_text(&args, pattern->column);
	spi_exec("WITH s AS (SELECT encode(sha256(convert_to(jsonb_build_array($1, $2, $3, $4, $5)::text, getdatabaseencoding())), 'hex') AS signature),"
			 " l AS (INSERT INTO selfheal.learnt AS x (signature, sqlstate, class, subject, catalog, steps)"
			 "  SELECT s.signature, $1, $2, $3, $4, $5 FROM s"
			 "  ON CONFLICT (signature) DO UPDATE SET signature = x.signature RETURNING x.id)"
			 " INSERT INTO selfheal.lesson (plan, learnt, incident, column_name) SELECT $6, l.id, $7, $8 FROM l"
			 " ON CONFLICT (plan) DO NOTHING", &args);
	spi_close(&saved);
}

/* The ids that a query gave as its first column, in cxt. */
static List *
ids_of(uint64 n, MemoryContext cxt)
{
	MemoryContext old = MemoryContextSwitchTo(cxt);
	List	   *ids = NIL;

	for (uint64 i = 0; i < n; i++)
	{
		int64	   *id = palloc(sizeof(int64));

		*id = spi_get_int8(i, 1, NULL);
		ids = lappend(ids, id);
	}
	MemoryContextSwitchTo(old);
	return ids;
}

/* See the header. */
List *
learnt_due(void)
{
	MemoryContext cxt = CurrentMemoryContext;
	List	   *ids;
	SpiUser		saved;
	SpiArgs		args;

	if (guc_promote_after == 0)
		return NIL;
	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, guc_promote_after);
	ids = ids_of(spi_exec("SELECT l.id FROM selfheal.learnt l WHERE l.state IN ('noticed', 'demoted')"
						  " AND (SELECT count(*) FROM selfheal.lesson s WHERE s.learnt = l.id"
						  "  AND (l.state = 'noticed' OR s.at > l.decided_at)) >= $1 ORDER BY l.id LIMIT 10", &args), cxt);
	spi_close(&saved);
	return ids;
}

/* See the header. */
Learnt *
learnt_get(int64 id, bool lock)
{
	Learnt	   *l = NULL;
	char	   *state;
	SpiUser		saved;
	SpiArgs		args;
	MemoryContext cxt = CurrentMemoryContext;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, id);
	if (lock)
		spi_exec("SELECT FROM selfheal.learnt WHERE id = $1 FOR UPDATE", &args);
	if (spi_exec("SELECT l.state, (SELECT count(*) FROM selfheal.lesson s WHERE s.learnt = l.id),"
				 " coalesce(l.rehearsal ->> 'failed', '') <> '' FROM selfheal.learnt l WHERE l.id = $1", &args) > 0)
	{
		l = MemoryContextAllocZero(cxt, sizeof(Learnt));
		l->id = id;
		state = spi_get_text(0, 1, CurrentMemoryContext);
		for (int i = 0; i < (int) lengthof(state_names); i++)
			if (strcmp(state, state_names[i]) == 0)
				l->state = i;
		l->plans = spi_get_int8(0, 2, NULL);
		l->failed = spi_get_bool(0, 3, NULL);
	}
	spi_close(&saved);
	return l;
}

/* Lessons from rows of plan, incident, relid, column. */
static List *
lessons_of(uint64 n, MemoryContext cxt)
{
	List	   *lessons = NIL;

	for (uint64 i = 0; i < n; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(cxt);
		Lesson	   *lesson = palloc0(sizeof(Lesson));
		bool		isnull;

		lessons = lappend(lessons, lesson);
		MemoryContextSwitchTo(old);
		lesson->plan = spi_get_int8(i, 1, NULL);
		lesson->incident = spi_get_int8(i, 2, NULL);
		lesson->relid = spi_get_oid(i, 3, &isnull);
		if (isnull)
			lesson->relid = InvalidOid;
		lesson->column = spi_get_text(i, 4, cxt);
	}
	return lessons;
}

/* Lessons by a query of playbook and limit. */
static List *
lessons_by(const char *query, int64 id, int limit)
{
	MemoryContext cxt = CurrentMemoryContext;
	List	   *lessons;
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, id);
	spi_arg_int8(&args, limit);
	lessons = lessons_of(spi_exec(query, &args), cxt);
	spi_close(&saved);
	return lessons;
}

/* See the header. A table that was dropped since may still have its number
 * there. */
List *
learnt_lessons(int64 id, int limit)
{
	return lessons_by("SELECT s.plan, s.incident, c.oid, s.column_name FROM selfheal.lesson s"
					  " LEFT JOIN selfheal.plan p ON p.id = s.plan LEFT JOIN pg_class c ON c.oid = p.relid"
					  " WHERE s.learnt = $1 ORDER BY s.plan DESC LIMIT $2", id, limit);
}

/* See the header. Which of them have its catalog pattern learnt_for says. */
List *
learnt_live(int64 id, int limit)
{
	return lessons_by("SELECT 0::bigint, i.id, c.oid, i.column_name FROM selfheal.learnt l"
					  " JOIN selfheal.incident i ON i.class = l.class"
					  " JOIN pg_class c ON c.oid = i.relid"
					  " WHERE l.id = $1 AND i.state NOT IN ('healed', 'dismissed') AND i.reason_kind IS DISTINCT FROM 'deadly'"
					  " AND (l.subject IS NULL OR l.subject = i.column_name)"
					  " AND l.sqlstate IS NOT DISTINCT FROM " SQLSTATE_OF("i.id")
					  " AND EXISTS (SELECT FROM selfheal.held h WHERE h.incident = i.id)"
					  " ORDER BY i.id DESC LIMIT $2", id, limit);
}

/* See the header. */
List *
learnt_for(const Incident *incident, int64 only)
{
	MemoryContext cxt = CurrentMemoryContext;
	List	   *ids;
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, incident->relid);
	spi_arg_text(&args, incident->column);
	spi_arg_int8(&args, incident->id);
	spi_arg_text(&args, incident->class);
	spi_arg_int8(&args, only);
	ids = ids_of(spi_exec("SELECT l.id FROM selfheal.learnt l WHERE CASE $5 WHEN 0 THEN l.state = 'promoted' ELSE l.id = $5 END"
						  " AND l.class = $4 AND l.sqlstate IS NOT DISTINCT FROM " SQLSTATE_OF("$3")
						  " AND l.subject IS NOT DISTINCT FROM CASE WHEN NOT " IS_COLUMN " THEN $2 END"
						  " AND l.catalog = " CATALOG_OF("l.steps") " ORDER BY l.decided_at, l.id", &args), cxt);
	spi_close(&saved);
	return ids;
}

typedef struct Filling
{
	Oid			relid;
	Jsonb	   *json;
	HealPlan   *plan;
	MemoryContext cxt;
} Filling;

static void
read_filled(void *arg)
{
	Filling    *f = arg;
	MemoryContext old = MemoryContextSwitchTo(f->cxt);

	f->plan = plan_from_stored(f->relid, f->json);
	MemoryContextSwitchTo(old);
}

/* See the header. */
HealPlan *
learnt_plan(int64 id, Oid relid, const char *column)
{
	Filling		f = {.relid = relid,.cxt = CurrentMemoryContext};
	ErrorData  *edata;
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, id);
	spi_arg_text(&args, column);
	if (spi_exec("SELECT jsonb_build_object('steps', jsonb_agg(d.s ORDER BY e.n)) FROM selfheal.learnt l,"
				 " jsonb_array_elements(l.steps) WITH ORDINALITY e(s, n),"
				 " LATERAL (SELECT e.s || CASE WHEN e.s -> 'column' = " HOLE " THEN jsonb_build_object('column', $2) ELSE '{}' END) b(s),"
				 " LATERAL (SELECT CASE WHEN b.s #> '{args,path,0}' = " HOLE " THEN jsonb_set(b.s, '{args,path,0}', to_jsonb($2)) ELSE b.s END) c(s),"
				 " LATERAL (SELECT CASE WHEN c.s #> '{args,to}' = " HOLE " THEN jsonb_set(c.s, '{args,to}', to_jsonb($2)) ELSE c.s END) d(s)"
				 " WHERE l.id = $1 HAVING count(*) > 0", &args) > 0)
		f.json = spi_get_jsonb(0, 1, f.cxt);
	spi_close(&saved);
	if (f.json == NULL)
		return NULL;
	edata = spi_try(read_filled, &f);
	if (edata != NULL)
		FreeErrorData(edata);
	return f.plan;
}

/* See the header. */
void
learnt_set(int64 id, LearntState state, const char *by, const char *reason)
{
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, id);
	spi_arg_text(&args, state_names[state]);
	spi_arg_text(&args, by);
	spi_arg_text(&args, reason);
	spi_exec("UPDATE selfheal.learnt SET state = $2, decided_by = $3, reason = $4,"
			 " decided_at = CASE WHEN $2 = 'offered' THEN decided_at ELSE clock_timestamp() END,"
			 " offered_at = CASE WHEN $2 = 'offered' THEN clock_timestamp() ELSE offered_at END WHERE id = $1", &args);
	spi_close(&saved);
}

/* See the header. */
void
learnt_set_rehearsal(int64 id, const Jsonb *rehearsal)
{
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, id);
	spi_arg_jsonb(&args, rehearsal);
	spi_exec("UPDATE selfheal.learnt SET rehearsal = $2 WHERE id = $1", &args);
	spi_close(&saved);
}
