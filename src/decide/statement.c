/*
 * statement.c
 *	  From the text of a proposal to steps.
 *
 * SQL is read by PostgreSQL's raw parser and by nothing else: no analysis, no
 * execution, no pattern over the text. Its tree is turned into steps by a
 * switch whose default refuses, and the tree is then thrown away.
 *
 * An error that PostgreSQL raises over the text (a syntax error, an unknown
 * type, a schema without USAGE) is caught in a subtransaction and becomes the
 * reason of a refusal.
 */
#include "postgres.h"

#include "base/compat.h"
#include "base/spi.h"
#include "catalog/namespace.h"
#include "catalog/pg_inherits.h"
#include "commands/dbcommands.h"
#include "decide/labels.h"
#include "decide/lattice.h"
#include "decide/statement.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "parser/parser.h"
#include "tcop/utility.h"
#include "utils/builtins.h"

/* A statement in our closed set is short; this bounds the parser's work. */
#define MAX_STATEMENT (1024 * 1024)

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
static const char *command_name(AlterTableType type);
static const char *constraint_reason(ConstrType type);

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
	edata = spi_try(read_statement, &reading);
	if (edata != NULL)
	{
		/* what lattice.c says needs no preface */
		plan_refuse(reason, "%s%s",
					edata->sqlerrcode == ERRCODE_INVALID_PARAMETER_VALUE ?
					"" : "PostgreSQL does not accept it: ", edata->message);
		return NULL;
	}
	*reason = reading.reason;
	return reading.plan;
}

/* Say what a statement is that is no ALTER TABLE with subcommands. */
static const char *
statement_name(Node *stmt)
{
	switch (nodeTag(stmt))
	{
		case T_RenameStmt:
			return "RENAME";
		case T_AlterObjectSchemaStmt:
			return "SET SCHEMA";
		case T_AlterTableMoveAllStmt:
			return "ALTER TABLE ALL IN TABLESPACE";
		default:
			return CreateCommandName(stmt);
	}
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
	HealPlan   *plan;
	List	   *trees;
	Node	   *stmt;
	AlterTableStmt *alter;
	ListCell   *lc;

	MemoryContextSwitchTo(r->cxt);
	trees = raw_parser(r->sql, RAW_PARSE_DEFAULT);
	if (list_length(trees) != 1)
	{
		plan_refuse(&r->reason, "exactly one statement is expected, not %d",
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
					"not %s", statement_name(stmt));
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
	switch (cmd->subtype)
	{
		case AT_AddColumn:
			return read_add_column(r, cmd);
		case AT_AlterColumnType:
			return read_change_type(r, cmd);
		case AT_DropNotNull:
			if (cmd->name == NULL)
				return plan_refuse(&r->reason, "DROP NOT NULL without a column");
			r->plan->steps = lappend(r->plan->steps,
									 plan_step(STEP_DROP_NOT_NULL, cmd->name,
											   InvalidOid, -1));
			return true;
		default:
			return plan_refuse(&r->reason, "%s is not one of the steps: add a "
							   "nullable column, widen a type, drop NOT NULL",
							   command_name(cmd->subtype));
	}
}

/*
 * Was the column's name cut by the scanner? PostgreSQL cuts names of 64 bytes
 * and more with no more than a NOTICE; the tree has the rest. A name that
 * comes near the limit is therefore measured where it stands in the text.
 */
static bool
name_was_cut(const char *sql, int location, const char *name)
{
	const char *p = sql + location;
	int			len = 0;

	if (strlen(name) < NAMEDATALEN - 1 - MAX_MULTIBYTE_CHAR_LEN)
		return false;
	if (location < 0 || (size_t) location >= strlen(sql))
		return true;
	if (*p == '"')
	{
		for (p++; *p != '\0'; p++, len++)
		{
			if (*p == '"' && *++p != '"')
				break;
		}
	}
	else if ((p[0] == 'U' || p[0] == 'u') && p[1] == '&')
		return true;			/* escapes: not worth a scanner of our own */
	else
	{
		while (IS_HIGHBIT_SET(*p) || (*p >= '0' && *p <= '9') || *p == '_' ||
			   *p == '$' || (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z'))
			p++, len++;
	}
	return len >= NAMEDATALEN;
}

/* COLLATE "default", with or without its schema, says nothing new. */
static bool
is_default_collation(const CollateClause *clause)
{
	const char *last = strVal(llast(clause->collname));

	if (strcmp(last, "default") != 0)
		return false;
	return list_length(clause->collname) == 1 ||
		(list_length(clause->collname) == 2 &&
		 strcmp(strVal(linitial(clause->collname)), "pg_catalog") == 0);
}

/* ADD COLUMN: name and type, and nothing else. */
static bool
read_add_column(Reading *r, const AlterTableCmd *cmd)
{
	const ColumnDef *def = castNode(ColumnDef, cmd->def);
	Oid			type;
	int32		typmod;
	ListCell   *lc;

	if (name_was_cut(r->sql, def->location, def->colname))
		return plan_refuse(&r->reason, "column \"%s...\": the name is longer than "
						   "%d bytes and would be cut", def->colname,
						   NAMEDATALEN - 1);
	foreach(lc, def->constraints)
	{
		const Constraint *con = lfirst_node(Constraint, lc);

		if (con->contype != CONSTR_NULL)
			return plan_refuse(&r->reason, "column \"%s\": %s", def->colname,
							   constraint_reason(con->contype));
	}
	if (def->collClause != NULL && !is_default_collation(def->collClause))
		return plan_refuse(&r->reason, "column \"%s\": a new column has its type's "
						   "own collation", def->colname);
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
	r->plan->steps = lappend(r->plan->steps,
							 plan_step(STEP_ADD_COLUMN, def->colname, type,
									   typmod));
	return true;
}

/* ALTER COLUMN TYPE: the column and its new type, and nothing else. */
static bool
read_change_type(Reading *r, const AlterTableCmd *cmd)
{
	const ColumnDef *def = castNode(ColumnDef, cmd->def);
	Oid			type;
	int32		typmod;

	if (def->raw_default != NULL)
		return plan_refuse(&r->reason, "column \"%s\": USING computes other values "
						   "from the stored ones; a widening needs none", cmd->name);
	if (def->collClause != NULL)
		return plan_refuse(&r->reason, "column \"%s\": a widening keeps the "
						   "column's collation and names none", cmd->name);
	lattice_resolve(def->typeName, &type, &typmod);
	r->plan->steps = lappend(r->plan->steps,
							 plan_step(STEP_WIDEN_TYPE, cmd->name, type,
									   typmod));
	return true;
}

/* The subcommand as people write it. What we do not know stays unnamed. */
static const char *
command_name(AlterTableType type)
{
	switch (type)
	{
		case AT_DropColumn:
			return "DROP COLUMN";
		case AT_ColumnDefault:
			return "SET or DROP DEFAULT";
		case AT_SetNotNull:
			return "SET NOT NULL";
		case AT_DropExpression:
			return "DROP EXPRESSION";
		case AT_SetStatistics:
			return "SET STATISTICS";
		case AT_SetOptions:
		case AT_ResetOptions:
			return "SET or RESET of column options";
		case AT_SetStorage:
			return "SET STORAGE";
		case AT_SetCompression:
			return "SET COMPRESSION";
		case AT_AddConstraint:
		case AT_AddIndex:
		case AT_AddIndexConstraint:
			return "ADD CONSTRAINT";
		case AT_AlterConstraint:
			return "ALTER CONSTRAINT";
		case AT_ValidateConstraint:
			return "VALIDATE CONSTRAINT";
		case AT_DropConstraint:
			return "DROP CONSTRAINT";
		case AT_AlterColumnGenericOptions:
		case AT_GenericOptions:
			return "OPTIONS";
		case AT_ChangeOwner:
			return "OWNER TO";
		case AT_ClusterOn:
		case AT_DropCluster:
			return "CLUSTER";
		case AT_SetLogged:
		case AT_SetUnLogged:
			return "SET LOGGED or UNLOGGED";
		case AT_DropOids:
			return "SET WITHOUT OIDS";
		case AT_SetAccessMethod:
			return "SET ACCESS METHOD";
		case AT_SetTableSpace:
			return "SET TABLESPACE";
		case AT_SetRelOptions:
		case AT_ResetRelOptions:
			return "SET or RESET of storage parameters";
		case AT_EnableTrig:
		case AT_EnableAlwaysTrig:
		case AT_EnableReplicaTrig:
		case AT_EnableTrigAll:
		case AT_EnableTrigUser:
			return "ENABLE TRIGGER";
		case AT_DisableTrig:
		case AT_DisableTrigAll:
		case AT_DisableTrigUser:
			return "DISABLE TRIGGER";
		case AT_EnableRule:
		case AT_EnableAlwaysRule:
		case AT_EnableReplicaRule:
			return "ENABLE RULE";
		case AT_DisableRule:
			return "DISABLE RULE";
		case AT_AddInherit:
			return "INHERIT";
		case AT_DropInherit:
			return "NO INHERIT";
		case AT_AddOf:
			return "OF type";
		case AT_DropOf:
			return "NOT OF";
		case AT_ReplicaIdentity:
			return "REPLICA IDENTITY";
		case AT_EnableRowSecurity:
		case AT_DisableRowSecurity:
		case AT_ForceRowSecurity:
		case AT_NoForceRowSecurity:
			return "ROW LEVEL SECURITY";
		case AT_AttachPartition:
			return "ATTACH PARTITION";
		case AT_DetachPartition:
		case AT_DetachPartitionFinalize:
			return "DETACH PARTITION";
		case AT_AddIdentity:
			return "ADD GENERATED AS IDENTITY";
		case AT_SetIdentity:
			return "a change of the identity";
		case AT_DropIdentity:
			return "DROP IDENTITY";
		default:
			return "this form of ALTER TABLE";
	}
}

/* Why a new column may not have this constraint. */
static const char *
constraint_reason(ConstrType type)
{
	switch (type)
	{
		case CONSTR_NOTNULL:
			return "NOT NULL cannot be true of the rows that are there";
		case CONSTR_DEFAULT:
			return "DEFAULT would give values to rows that never had one";
		case CONSTR_IDENTITY:
			return "an identity makes a sequence and rewrites the table";
		case CONSTR_GENERATED:
			return "a generated column is computed, not loaded";
		case CONSTR_CHECK:
			return "CHECK is a rule of the business, not a shape";
		case CONSTR_PRIMARY:
			return "PRIMARY KEY is a rule of the business, not a shape";
		case CONSTR_UNIQUE:
			return "UNIQUE is a rule of the business, not a shape";
		case CONSTR_EXCLUSION:
			return "EXCLUDE is a rule of the business, not a shape";
		case CONSTR_FOREIGN:
			return "REFERENCES is a rule of the business, not a shape";
		default:
			return "constraint attributes are not a step";
	}
}
