/*
 * statement.c
 *	  From the text of a proposal to steps.
 *
 * SQL is read by PostgreSQL's raw parser and by nothing else: no analysis, no
 * execution, no pattern over the text. Its tree is turned into steps where
 * subcommands.c has a step for it, and is then thrown away.
 *
 * An error that PostgreSQL raises over the text (a syntax error, an unknown
 * type, a schema without USAGE) is caught in a subtransaction and becomes the
 * reason of a refusal.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "base/compat.h"
#include "base/spi.h"
#include "catalog/namespace.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_inherits.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "common/keywords.h"
#include "decide/constant.h"
#include "decide/labels.h"
#include "decide/lattice.h"
#include "decide/statement.h"
#include "decide/subcommands.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "parser/parser.h"
#include "parser/scanner.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/* A statement in our closed set is short; this bounds the parser's work. */
#define MAX_STATEMENT (1024 * 1024)

/*
 * PostgreSQL's scanner takes all signs that could be one operator at a glance
 * and gives back what is none, a slash and a star at a time: 400 kB of them
 * take it a minute and a half, which nobody can cancel.
 */
#define MAX_RUN 256

/* Of a message of PostgreSQL's a reason has so many bytes at most. */
#define MAX_MESSAGE 500

/* What the guarded part works on. */
typedef struct Reading
{
	Oid			relid;
	const char *sql;
	MemoryContext cxt;			/* the caller's */
	HealPlan   *plan;
	char	   *reason;
} Reading;

static void read_statement(void *arg);
static bool read_command(Reading *r, const AlterTableCmd *cmd);
static bool read_add_column(Reading *r, const AlterTableCmd *cmd);
static bool read_change_type(Reading *r, const AlterTableCmd *cmd);
static bool read_default(Reading *r, const AlterTableCmd *cmd);
static bool read_identity(Reading *r, const AlterTableCmd *cmd);
static size_t longest_run(const char *sql);
static const char *cut_name(const char *sql);

/*
 * Read one statement about relid into steps, in the current context; NULL
 * with a reason when it is refused. Must run in a transaction.
 */
HealPlan *
statement_read(Oid relid, const char *sql, char **reason)
{
	Reading		reading = {relid, sql, CurrentMemoryContext, NULL, NULL};
	ErrorData  *edata;

	if (strlen(sql) > MAX_STATEMENT)
	{
		plan_refuse(reason, "the statement is longer than %d bytes",
					MAX_STATEMENT);
		return NULL;
	}
	if (longest_run(sql) > MAX_RUN)
	{
		plan_refuse(reason, "there are more than %d signs of operators in a row",
					MAX_RUN);
		return NULL;
	}
	edata = spi_try(read_statement, &reading);
	if (edata != NULL)
	{
		/* what lattice.c says needs no preface; some messages quote the text */
		int			len = strlen(edata->message);
		int			shown = pg_mbcliplen(edata->message, len, MAX_MESSAGE);

		plan_refuse(reason, "%s%.*s%s",
					edata->sqlerrcode == ERRCODE_INVALID_PARAMETER_VALUE ?
					"" : "PostgreSQL does not accept it: ", shown, edata->message,
					shown < len ? "..." : "");
		return NULL;
	}
	*reason = reading.reason;
	return reading.plan;
}

/* The most signs of operators that stand in a row. */
static size_t
longest_run(const char *sql)
{
	size_t		longest = 0;

	while (*sql != '\0')
	{
		size_t		run = strspn(sql, "~!@#^&|`?+-*/%<>=");

		longest = Max(longest, run);
		sql += run;
		sql += strcspn(sql, "~!@#^&|`?+-*/%<>=");
	}
	return longest;
}

/* "schema.table" as it was written, for a reason. */
static char *
written_name(const RangeVar *rv)
{
	if (rv->schemaname != NULL)
		return quote_qualified_identifier(rv->schemaname, rv->relname);
	return pstrdup(quote_identifier(rv->relname));
}

/*
 * From text to steps. Runs in a subtransaction; everything that is to be kept
 * is made in the caller's context.
 */
static void
read_statement(void *arg)
{
	Reading    *r = arg;
	const char *cut;
	HealPlan   *plan;
	List	   *trees;
	Node	   *stmt;
	AlterTableStmt *alter;
	ListCell   *lc;

	MemoryContextSwitchTo(r->cxt);
	trees = raw_parser(r->sql, RAW_PARSE_DEFAULT);
	/* what the parser has read to its end can be read again */
	cut = cut_name(r->sql);
	if (cut != NULL)
	{
		plan_refuse(&r->reason, "the name %s... is longer than %d bytes and would "
					"be cut", cut, NAMEDATALEN - 1);
		return;
	}
	if (list_length(trees) != 1)
	{
		plan_refuse(&r->reason, "exactly one statement is expected, not %d statements",
					list_length(trees));
		return;
	}
	stmt = linitial_node(RawStmt, trees)->stmt;
	if (IsA(stmt, AlterEnumStmt))
	{
		PlanStep   *step = labels_read(r->relid, castNode(AlterEnumStmt, stmt), &r->reason);

		if (step == NULL)
			return;
		r->plan = palloc0(sizeof(HealPlan));
		r->plan->relid = r->relid;
		r->plan->steps = list_make1(step);
		return;
	}
	if (!IsA(stmt, AlterTableStmt))
	{
		plan_refuse(&r->reason, "only ALTER TABLE with closed steps is accepted, "
					"not %s", subcommand_statement(stmt));
		return;
	}
	alter = castNode(AlterTableStmt, stmt);
	if (alter->objtype != OBJECT_TABLE)
	{
		plan_refuse(&r->reason, "only ALTER TABLE with closed steps is accepted, "
					"not %s", CreateCommandName(stmt));
		return;
	}

	if (alter->relation->catalogname != NULL &&
		strcmp(alter->relation->catalogname,
			   get_database_name(MyDatabaseId)) != 0)
	{
		plan_refuse(&r->reason, "the statement is about another database");
		return;
	}
	if (RangeVarGetRelid(alter->relation, NoLock, true) != r->relid)
	{
		char	   *name = plan_relation_name(r->relid);

		plan_refuse(&r->reason, "the statement is about %s, not about %s",
					written_name(alter->relation),
					name ? name : "a table that exists");
		return;
	}
	if (!alter->relation->inh && find_inheritance_children(r->relid, NoLock) != NIL)
	{
		plan_refuse(&r->reason, "ONLY would leave the table's children behind");
		return;
	}

	plan = palloc0(sizeof(HealPlan));
	plan->relid = r->relid;
	r->plan = plan;
	foreach(lc, alter->cmds)
	{
		if (!read_command(r, lfirst_node(AlterTableCmd, lc)))
		{
			r->plan = NULL;
			return;
		}
	}
}

/* One subcommand to one step. Deny by default. */
static bool
read_command(Reading *r, const AlterTableCmd *cmd)
{
	const Subcommand *what = subcommand_of(cmd->subtype);

	switch (what->verdict)
	{
		case STEP_ADD_COLUMN:
			return read_add_column(r, cmd);
		case STEP_WIDEN_TYPE:
			return read_change_type(r, cmd);
		case STEP_DROP_NOT_NULL:
			if (cmd->name == NULL)
				return plan_refuse(&r->reason, "DROP NOT NULL without a column");
			r->plan->steps = lappend(r->plan->steps,
									 plan_step(STEP_DROP_NOT_NULL, cmd->name,
											   InvalidOid, -1));
			return true;
		case STEP_SET_DEFAULT:
			return read_default(r, cmd);
		case STEP_SET_GENERATED_BY_DEFAULT:
			return read_identity(r, cmd);
		default:
			return plan_refuse(&r->reason, "%s is not one of the steps: %s",
							   what->words, what->why);
	}
}

/* How many bytes has the name that begins here, once its quotes are read? */
static int
name_length(const char *p)
{
	int			len = 0;

	if ((p[0] == 'U' || p[0] == 'u') && p[1] == '&' && p[2] == '"')
		p += 2;					/* an escape is longer than what it stands for */
	if (*p == '"')
	{
		for (p++; *p != '\0'; p++, len++)
		{
			if (*p == '"' && *++p != '"')
				break;
		}
		return len;
	}
	while (IS_HIGHBIT_SET(*p) || (*p >= '0' && *p <= '9') || *p == '_' ||
		   *p == '$' || (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z'))
		p++, len++;
	return len;
}

/*
 * The first bytes of a name in the text that PostgreSQL would cut, NULL when
 * there is none. Its scanner cuts names of 64 bytes and more with no more than
 * a NOTICE, and the tree has what is left: the plan would be about another
 * column than the one that was written. The tokens are PostgreSQL's, so that
 * what stands in comments and strings is no name.
 */
static const char *
cut_name(const char *sql)
{
	core_yy_extra_type extra;
	core_YYSTYPE value;
	YYLTYPE		location;
	core_yyscan_t scanner = scanner_init(sql, &extra, &ScanKeywords,
										 ScanKeywordTokens);
	const char *found = NULL;

	extra.escape_string_warning = false;	/* the parser warns */
	while (found == NULL && core_yylex(&value, &location, scanner) != 0)
	{
		const char *p = sql + location;
		char		c = *p;

		if ((c == '"' || c == '_' || IS_HIGHBIT_SET(c) ||
			 (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) &&
			name_length(p) >= NAMEDATALEN)
			found = pnstrdup(p, pg_mbcliplen(p, NAMEDATALEN - 1, NAMEDATALEN - 1));
	}
	scanner_finish(scanner);
	return found;
}

/*
 * Does the clause name the collation that the column has anyway? Then it says
 * nothing new. Looked up, since a name alone may be anybody's.
 */
static bool
names_collation(const CollateClause *clause, Oid collation)
{
	return OidIsValid(collation) &&
		get_collation_oid(clause->collname, true) == collation;
}

/* The collation of a column, InvalidOid when there is none. */
static Oid
column_collation(Oid relid, const char *column)
{
	HeapTuple	tup = SearchSysCacheAttName(relid, column);
	Oid			collation = InvalidOid;

	if (HeapTupleIsValid(tup))
	{
		collation = ((Form_pg_attribute) GETSTRUCT(tup))->attcollation;
		ReleaseSysCache(tup);
	}
	return collation;
}

/* ADD COLUMN: name and type, and nothing else. */
static bool
read_add_column(Reading *r, const AlterTableCmd *cmd)
{
	const ColumnDef *def = castNode(ColumnDef, cmd->def);
	Oid			type;
	int32		typmod;
	ListCell   *lc;

	foreach(lc, def->constraints)
	{
		const Constraint *con = lfirst_node(Constraint, lc);
		const Subcommand *what = subcommand_constraint(con->contype);

		if (what->verdict != STEP_ADD_COLUMN)
			return plan_refuse(&r->reason, "column \"%s\": %s is not part of the "
							   "step: %s", def->colname, what->words, what->why);
	}
	if (def->fdwoptions != NIL || def->compression != NULL ||
		compat_column_storage(def))
		return plan_refuse(&r->reason, "column \"%s\": storage and other options "
						   "are not a step", def->colname);
	if (def->raw_default != NULL || def->cooked_default != NULL ||
		def->identity != '\0' || def->generated != '\0' || def->is_not_null ||
		def->typeName == NULL)
		return plan_refuse(&r->reason, "column \"%s\": a new column is a name and "
						   "a type", def->colname);

	lattice_resolve(def->typeName, &type, &typmod);
	if (def->collClause != NULL &&
		!names_collation(def->collClause, get_typcollation(type)))
		return plan_refuse(&r->reason, "column \"%s\": a new column has its type's "
						   "own collation", def->colname);
	r->plan->steps = lappend(r->plan->steps,
							 plan_step(STEP_ADD_COLUMN, def->colname, type,
									   typmod));
	return true;
}

/* Is this "col::type", with the very type that the column is to have? */
static bool
is_plain_cast(const Node *expr, const char *column, Oid type, int32 typmod)
{
	const TypeCast *cast = (const TypeCast *) expr;
	const ColumnRef *ref;
	Oid			cast_type;
	int32		cast_typmod;

	if (!IsA(expr, TypeCast) || !IsA(cast->arg, ColumnRef))
		return false;
	ref = (const ColumnRef *) cast->arg;
	if (list_length(ref->fields) != 1 || !IsA(linitial(ref->fields), String) ||
		strcmp(strVal(linitial(ref->fields)), column) != 0)
		return false;
	lattice_resolve(cast->typeName, &cast_type, &cast_typmod);
	return cast_type == type && cast_typmod == typmod;
}

/* Would the change be a conversion, and no widening? */
static bool
is_conversion(Oid relid, const char *column, Oid type, int32 typmod)
{
	HeapTuple	tup = SearchSysCacheAttName(relid, column);
	bool		result = false;
	char	   *why;

	if (HeapTupleIsValid(tup))
	{
		Form_pg_attribute att = (Form_pg_attribute) GETSTRUCT(tup);

		result = lattice_conversion(att->atttypid, att->atttypmod, type, typmod, &why);
		ReleaseSysCache(tup);
	}
	return result;
}

/*
 * ALTER COLUMN TYPE: the column and its new type, and nothing else. The
 * column's own collation may be said again, as columns_widen() does; so may be
 * the cast of a conversion, which PostgreSQL makes anyhow.
 */
static bool
read_change_type(Reading *r, const AlterTableCmd *cmd)
{
	const ColumnDef *def = castNode(ColumnDef, cmd->def);
	Oid			type;
	int32		typmod;
	bool		converts;

	lattice_resolve(def->typeName, &type, &typmod);
	converts = is_conversion(r->relid, cmd->name, type, typmod);
	if (def->raw_default != NULL &&
		!(converts && is_plain_cast(def->raw_default, cmd->name, type, typmod)))
		return plan_refuse(&r->reason, "column \"%s\": USING computes other values "
						   "from the stored ones; a widening needs none", cmd->name);
	if (def->collClause != NULL &&
		!names_collation(def->collClause, column_collation(r->relid, cmd->name)))
		return plan_refuse(&r->reason, "column \"%s\": a widening keeps the "
						   "column's collation", cmd->name);
	r->plan->steps = lappend(r->plan->steps,
							 plan_step(converts ? STEP_CONVERT_TYPE : STEP_WIDEN_TYPE,
									   cmd->name, type, typmod));
	return true;
}

/* SET DEFAULT: a constant. */
static bool
read_default(Reading *r, const AlterTableCmd *cmd)
{
	PlanStep   *step;

	if (cmd->name == NULL)
		return plan_refuse(&r->reason, "SET DEFAULT without a column");
	step = constant_read(r->relid, cmd->name, cmd->def, &r->reason);
	if (step == NULL)
		return false;
	r->plan->steps = lappend(r->plan->steps, step);
	return true;
}

/* SET GENERATED BY DEFAULT, and nothing else of an identity. */
static bool
read_identity(Reading *r, const AlterTableCmd *cmd)
{
	const List *options = castNode(List, cmd->def);
	const DefElem *option = list_length(options) == 1 ? linitial_node(DefElem, options) : NULL;

	if (cmd->name == NULL || option == NULL || strcmp(option->defname, "generated") != 0 ||
		defGetInt32(unconstify(DefElem *, option)) != ATTRIBUTE_IDENTITY_BY_DEFAULT)
		return plan_refuse(&r->reason, "of an identity there is one step, SET GENERATED BY DEFAULT: how numbers are given out is decided by people");
	r->plan->steps = lappend(r->plan->steps,
							 plan_step(STEP_SET_GENERATED_BY_DEFAULT, cmd->name, InvalidOid, -1));
	return true;
}
