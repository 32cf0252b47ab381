/*
 * locate.c
 *	  What was a failed statement about: which table, which row, which column?
 *
 * First what the error's own fields name: they come from where it was raised,
 * which may be a trigger far from the statement. Then the statements that may
 * have failed, the innermost first: the one in a function that the error or
 * its CONTEXT gives, and the client's own.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "base/spi.h"
#include "catalog/namespace.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "orient/blame.h"
#include "orient/fitting.h"
#include "orient/locate.h"
#include "orient/misplaced.h"
#include "orient/rowjson.h"
#include "orient/unfilled.h"
#include "orient/wording.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/partcache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

/* Statements of one text that are looked at. */
#define SCENES_MAX 64

typedef struct Locating
{
	const Failure *failure;
	int			refused;		/* as in Scene */
	char	   *refusal;
	Located    *out;
	List	   *scenes;			/* Scene * */
	MemoryContext cxt;
} Locating;

/* A setting of the failed session. What it had is believed only where it is
 * still valid. */
static void
set_quietly(const char *name, const char *value)
{
	if (value != NULL)
		(void) set_config_option(name, value, PGC_SUSET, PGC_S_SESSION, GUC_ACTION_SAVE, true,
								 DEBUG5, false);
}

/* Be the session that failed, as far as it matters to what a text means. */
static void
become_session(const Failure *failure, SpiUser *saved)
{
	spi_become(saved, failure->role, SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION,
			   false);
	set_quietly("search_path", failure->search_path);
	set_quietly("timezone", failure->timezone);
	set_quietly("datestyle", failure->datestyle);
	set_quietly("intervalstyle", failure->intervalstyle);
	set_quietly("bytea_output", failure->bytea_output);
	set_quietly("xmloption", failure->xmloption);
	set_quietly("escape_string_warning", "off");
	set_quietly("standard_conforming_strings", failure->escapes ? "off" : "on");
}

/* Read one text, as spi_trial's argument. */
typedef struct Reading
{
	const char *text;
	List	   *statements;		/* Written * */
	MemoryContext cxt;
} Reading;

static void
read_text(void *arg)
{
	Reading    *reading = arg;

	MemoryContextSwitchTo(reading->cxt);
	reading->statements = writes_read(reading->text);
}

/* Is the position of the error in this statement, where there is one? */
static bool
is_there(const Written *written, const char *text, int position)
{
	int			offset = writes_offset(text, position);

	return offset < 0 || (offset >= written->begin && offset <= written->end);
}

/* The statements of a text that may be the one. */
static void
add_scenes(Locating *l, const char *text, int position, bool names)
{
	Reading		reading = {text, NIL, CurrentMemoryContext};
	ListCell   *lc;

	if (text == NULL || spi_trial(read_text, &reading) != NULL)
		return;
	foreach(lc, reading.statements)
	{
		Scene	   *scene;

		if (!is_there(lfirst(lc), text, position) || list_length(l->scenes) >= SCENES_MAX)
			continue;
		scene = palloc0(sizeof(Scene));
		scene->failure = l->failure;
		scene->text = text;
		scene->position = position;
		scene->names = names;
		if (!names)
		{
			scene->refused = l->refused;
			scene->refusal = l->refusal;
		}
		scene->written = lfirst(lc);
		scene->several = list_length(reading.statements) > 1;
		scene->row = -1;
		scene->write = -1;
		l->scenes = lappend(l->scenes, scene);
	}
}

/* The statements of the function in SQL that CONTEXT names, where there is
 * but one of that name. */
static char *
function_text(const Failure *failure)
{
	int			statement;
	char	   *name = wording_function(failure->context, &statement);
	CatCList   *list;
	char	   *body = NULL;

	if (name == NULL)
		return NULL;
	list = SearchSysCacheList1(PROCNAMEARGSNSP, CStringGetDatum(name));
	if (list->n_members == 1)
	{
		HeapTuple	tup = &list->members[0]->tuple;
		bool		isnull;
		Datum		source = SysCacheGetAttr(PROCNAMEARGSNSP, tup, Anum_pg_proc_prosrc, &isnull);

		if (((Form_pg_proc) GETSTRUCT(tup))->prolang == SQLlanguageId && !isnull)
			body = TextDatumGetCString(source);
	}
	ReleaseCatCacheList(list);
	return body;
}

/* An SQLSTATE of which no value and no column is the cause, but the table's
 * row, its code or the time. */
static bool
is_about_row(int sqlstate)
{
	switch (ERRCODE_TO_CATEGORY(sqlstate))
	{
		case ERRCODE_PROGRAM_LIMIT_EXCEEDED:
		case ERRCODE_TRANSACTION_ROLLBACK:
		case ERRCODE_PLPGSQL_ERROR:
		case ERRCODE_TRIGGERED_ACTION_EXCEPTION:
		case ERRCODE_WITH_CHECK_OPTION_VIOLATION:
			return true;
		default:
			return sqlstate == ERRCODE_INSUFFICIENT_PRIVILEGE ||
				sqlstate == ERRCODE_LOCK_NOT_AVAILABLE ||
				ERRCODE_TO_CATEGORY(sqlstate) == ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION;
	}
}

/* The class of an error, and what of its fields counts for it. */
static FitClass
class_of(const Failure *failure)
{
	ErrorData	edata = {.sqlerrcode = failure->sqlstate};
	Misfit		misfit;

	edata.message = failure->message;
	edata.detail = failure->detail;
	edata.context = failure->context;
	edata.table_name = failure->table_name;
	edata.constraint_name = failure->constraint_name;
	fit_from_error(&edata, &misfit);
	return misfit.class;
}

/* A row that failed as a whole: the tables of the statement. */
static void
add_rows(Scene *scene)
{
	ListCell   *lc;

	foreach(lc, scene->written->writes)
	{
		Behind	   *behind = behind_name(((Write *) lfirst(lc))->relid);

		if (OidIsValid(behind->relid))
			suspects_add(&scene->suspects, behind->relid, class_of(scene->failure), NULL, NULL,
						 scene->failure->constraint_name, NULL);
	}
}

/* Columns of a table that are of a domain. */
static List *
columns_of_domain(Oid relid, Oid domain)
{
	List	   *columns = NIL;
	ListCell   *lc;

	foreach(lc, misplaced_columns(relid))
	{
		int32		typmod;

		if (fitting_type(relid, lfirst(lc), &typmod) == domain)
			columns = lappend(columns, lfirst(lc));
	}
	return columns;
}

/* A domain's NOT NULL or CHECK that no value was seen to break. */
static void
by_domain(Scene *scene)
{
	const Failure *failure = scene->failure;
	Oid			nsp = failure->schema_name && failure->datatype_name ?
	get_namespace_oid(failure->schema_name, true) : InvalidOid;
	Oid			domain = OidIsValid(nsp) ?
	GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid,
					CStringGetDatum(failure->datatype_name), ObjectIdGetDatum(nsp)) : InvalidOid;
	ListCell   *lc;

	if (!OidIsValid(domain))
		return;
	scene->guessed = true;
	foreach(lc, scene->written->writes)
	{
		Behind	   *behind = behind_name(((Write *) lfirst(lc))->relid);
		ListCell   *column;

		foreach(column, OidIsValid(behind->relid) ? columns_of_domain(behind->relid, domain) : NIL)
		{
			suspects_add(&scene->suspects, behind->relid, class_of(failure), lfirst(column), NULL,
						 failure->constraint_name, NULL);
		}
	}
}

/* The suspects of one statement. */
static void
find(Scene *scene)
{
	int			sqlstate = scene->failure->sqlstate;

	suspects_prepare(scene);
	if (misplaced_find(scene))
		return;
	if (IsA(scene->written->stmt, CopyStmt) && misplaced_copy(scene) && scene->suspects != NIL)
		return;
	if (ERRCODE_TO_CATEGORY(sqlstate) == ERRCODE_DATA_EXCEPTION || scene->failure->datatype_name)
		suspects_find(scene);
	if (scene->suspects == NIL && scene->failure->datatype_name)
		by_domain(scene);
	else if (scene->suspects == NIL && is_about_row(sqlstate))
	{
		if (sqlstate == ERRCODE_NOT_NULL_VIOLATION)
			unfilled_find(scene);
		if (scene->suspects == NIL)
			add_rows(scene);
	}
}

/* The one column of a partitioned table's key, or NULL. */
static char *
partition_column(Oid relid)
{
	Relation	rel = relation_open(relid, AccessShareLock);
	char	   *column = NULL;

	if (rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
	{
		PartitionKey key = RelationGetPartitionKey(rel);

		if (key->partnatts == 1 && key->partattrs[0] != 0)
			column = pstrdup(NameStr(TupleDescAttr(RelationGetDescr(rel), key->partattrs[0] - 1)->attname));
	}
	relation_close(rel, NoLock);
	return column;
}

/*
 * The error's own table. The statement tells only what it gave.
 */
static void
find_by_fields(Locating *l, Oid named)
{
	const Failure *failure = l->failure;
	Behind	   *behind = behind_name(named);
	FitClass	class = class_of(failure);
	char	   *column = failure->column_name;
	char	   *value = NULL;
	ListCell   *lc;

	if (!OidIsValid(behind->relid))
		return;
	if (class == FIT_PARTITION)
	{
		char	   *key = partition_column(named);

		value = key ? wording_key(failure->detail, key) : NULL;
	}
	foreach(lc, l->scenes)
	{
		Scene	   *scene = lfirst(lc);
		ListCell   *write;
		bool		here = false;

		foreach(write, scene->written->writes)
		{
			here |= behind_name(((Write *) lfirst(write))->relid)->relid == behind->relid;
		}
		if (!here)
			continue;
		suspects_prepare(scene);
		scene->relid = behind->relid;
		if (class == FIT_NULL_VALUE && column != NULL && unfilled_left_out(scene, column))
			class = FIT_MISSING_KEY;
		else if (class == FIT_NULL_VALUE && column == NULL)
		{
			unfilled_find(scene);
			l->out->suspects = scene->suspects;
			l->out->certain = suspects_count(scene->suspects) == 1;
		}
		break;
	}
	if (l->out->suspects != NIL)
		return;
	suspects_add(&l->out->suspects, behind->relid, class, column, NULL, failure->constraint_name,
				 value);
	/* a null is some column's */
	l->out->certain = class != FIT_NULL_VALUE || column != NULL || failure->datatype_name != NULL;
}

/* Only the table is known that a hook saw, and perhaps the parameters: of a
 * statement whose text does not say what it does, or is cut off. */
static void
find_by_target(Locating *l)
{
	const Failure *failure = l->failure;
	Behind	   *behind = behind_name(failure->target);
	List	   *columns = OidIsValid(behind->relid) ? misplaced_columns(behind->relid) : NIL;
	List	   *found = NIL;

	if (columns == NIL || ERRCODE_TO_CATEGORY(failure->sqlstate) != ERRCODE_DATA_EXCEPTION)
		return;
	for (int i = 1; i <= failure->nparams; i++)
	{
		char	   *text;
		bool		isnull;
		Oid			type;
		Misfit		misfit;
		ListCell   *lc;

		if (!given_param(failure, i, &text, &isnull, &type) || isnull)
			continue;
		foreach(lc, columns)
		{
			int32		typmod;
			Oid			column = fitting_type(behind->relid, lfirst(lc), &typmod);

			if (blame_coercion(failure->sqlstate, type, -1, column, typmod) &&
				blame_word(failure, column, typmod) == BLAME_NAMED &&
				fitting_value(behind->relid, lfirst(lc), given_json(text, false, type),
							  failure->sqlstate, &misfit) &&
				blame_class(failure->sqlstate, misfit.class))
				suspects_add(&found, behind->relid, misfit.class, lfirst(lc), misfit.need, NULL, text);
		}
	}
	if (found == NIL)
		suspects_by_type(&found, failure, behind->relid, columns);
	l->out->suspects = found;
	l->out->certain = suspects_count(found) == 1;
	l->out->opaque = "the statement's text does not say what it writes";
}

/* Does the statement name a temporary table of the session? */
static bool
names_temporary(const Failure *failure, const Scene *scene)
{
	ListCell   *lc;

	foreach(lc, scene->written->writes)
	{
		const RangeVar *relation = ((Write *) lfirst(lc))->relation;

		if (relation->schemaname == NULL && failure_temporary(failure, relation->relname))
			return true;
	}
	return false;
}

/*
 * A temporary table of the session comes before any other of its name, and is
 * hidden from us: what failed there is not about the table that we find. By
 * what a hook saw it is told; where none saw it, by its name, unless the
 * search_path puts it behind others.
 */
static void
leave_temporary(Locating *l)
{
	const Failure *failure = l->failure;
	List	   *left = NIL;
	ListCell   *lc;

	if (OidIsValid(failure->target))
	{
		if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(failure->target)) ||
			get_rel_persistence(failure->target) == RELPERSISTENCE_TEMP)
			l->scenes = NIL;
		return;
	}
	if (failure->search_path != NULL && strstr(failure->search_path, "pg_temp") != NULL)
		return;
	foreach(lc, l->scenes)
	{
		if (!names_temporary(failure, lfirst(lc)))
			left = lappend(left, lfirst(lc));
	}
	l->scenes = left;
}

/* The statements that may be the one, the innermost first. */
static void
add_statements(Locating *l)
{
	const Failure *failure = l->failure;

	add_scenes(l, failure->inner, failure->inner_position, true);
	if (failure->inner == NULL)
	{
		char	   *text = wording_statement(failure->context);

		add_scenes(l, text ? text : function_text(failure), 0, true);
	}
	add_scenes(l, failure->statement, failure->inner ? 0 : failure->position, false);
}

/* The whole search, as the failed session; body of spi_trial. */
static void
search(void *arg)
{
	Locating   *l = arg;
	const Failure *failure = l->failure;
	Oid			named = behind_fields(failure->schema_name, failure->table_name);
	Scene	   *decided = NULL;
	SpiUser		saved;
	ListCell   *lc;

	MemoryContextSwitchTo(l->cxt);
	if (!SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(failure->role)))
	{
		/* a role that is gone has no names: the error's own fields are left */
		if (OidIsValid(named))
			find_by_fields(l, named);
		return;
	}
	become_session(failure, &saved);
	add_statements(l);
	leave_temporary(l);
	foreach(lc, l->scenes)
	{
		Scene	   *scene = lfirst(lc);
		ListCell   *write;

		foreach(write, scene->written->writes)
		{
			if (OidIsValid(((Write *) lfirst(write))->relid))
				l->out->targets = list_append_unique_oid(l->out->targets,
														 ((Write *) lfirst(write))->relid);
		}
	}
	/* as it was when the statement failed; names were looked up just now */
	if (SearchSysCacheExists1(RELOID, ObjectIdGetDatum(failure->target)))
		l->out->targets = list_append_unique_oid(l->out->targets, failure->target);
	if (OidIsValid(named))
	{
		find_by_fields(l, named);
		foreach(lc, l->scenes)
		{
			if (decided == NULL && OidIsValid(((Scene *) lfirst(lc))->relid))
				decided = lfirst(lc);
		}
	}
	foreach(lc, l->out->suspects == NIL ? l->scenes : NIL)
	{
		Scene	   *scene = lfirst(lc);

		find(scene);
		if (scene->suspects == NIL)
			continue;
		decided = scene;
		l->out->suspects = scene->suspects;
		l->out->certain = suspects_count(scene->suspects) == 1 &&
			(!scene->guessed || (!scene->beside && (scene->names || failure->context == NULL))) &&
			(failure->sqlstate != ERRCODE_NOT_NULL_VIOLATION ||
			 ((Suspect *) linitial(scene->suspects))->column != NULL);
		break;
	}
	if (l->out->suspects == NIL && OidIsValid(failure->target))
		find_by_target(l);
	if (decided != NULL && l->out->suspects != NIL)
		rowjson_make(l->out, decided);
	spi_resume(&saved);
}

Located *
locate(const Failure *failure)
{
	Failure		own = *failure;
	Locating	l = {.failure = &own,.cxt = CurrentMemoryContext};

	/* what is said of a portal is of the protocol: no function is around it */
	own.context = wording_portal(failure->context, &l.refused, &l.refusal);
	l.out = palloc0(sizeof(Located));
	if (spi_trial(search, &l) != NULL && l.out->suspects == NIL)
		l.out->opaque = "the statement could not be looked at as its role";
	return l.out;
}
