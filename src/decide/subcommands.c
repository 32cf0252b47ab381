/*
 * subcommands.c
 *	  What becomes of every form of ALTER TABLE that this server knows.
 *
 * The lists are written once. The table, its numbers and the switch that looks
 * a member up are made from them by the preprocessor, so that the compiler
 * itself complains of a member of the enum that has no line (-Wswitch) and of
 * one that has two. test/t/090_subcommands.pl compares the same with the
 * server's header.
 */
#include "postgres.h"

#include "base/compat.h"
#include "decide/plan.h"
#include "decide/subcommands.h"
#include "fmgr.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(selfheal_verdicts);

#define REFUSED SUBCOMMAND_REFUSED

/* Reasons that more than one line has. */
#define BUSINESS "it is a rule of the business, not a shape"
#define LOST "values that are stored would be lost"
#define INTERNAL "PostgreSQL makes it by itself, no statement says it"
#define STORAGE "how values are stored is the owner's affair"
#define TRIGGERS "a trigger that stays silent changes what is stored"
#define RULES "a rule that stays silent changes what is stored"
#define SECURITY "who sees which row is decided by people"
#define CHILDREN "what belongs to which table is decided by people"
#define SEQUENCE "how numbers are given out is decided by people"

/* X(member, verdict, words, why), in the order of the enum. */
#define SUBCOMMANDS(X) \
	X(AT_AddColumn, STEP_ADD_COLUMN, "ADD COLUMN", \
	  "a name and a type, nullable, without a default") \
	COMPAT_UNTIL_15(X(AT_AddColumnRecurse, REFUSED, "ADD COLUMN to children", INTERNAL)) \
	X(AT_AddColumnToView, REFUSED, "ADD COLUMN to a view", INTERNAL) \
	X(AT_ColumnDefault, STEP_SET_DEFAULT, "SET or DROP DEFAULT", \
	  "SET DEFAULT of a constant that the column's type reads alike in every session") \
	X(AT_CookedColumnDefault, REFUSED, "SET DEFAULT of a copied column", INTERNAL) \
	X(AT_DropNotNull, STEP_DROP_NOT_NULL, "DROP NOT NULL", \
	  "not of a key, an identity, a replica identity or a partition key") \
	X(AT_SetNotNull, REFUSED, "SET NOT NULL", BUSINESS) \
	COMPAT_SINCE_17(X(AT_SetExpression, REFUSED, "SET EXPRESSION", \
	  "it computes other values and rewrites the table")) \
	X(AT_DropExpression, REFUSED, "DROP EXPRESSION", \
	  "the database would no longer compute the column") \
	COMPAT_UNTIL_17(X(AT_CheckNotNull, REFUSED, "a check of NOT NULL", INTERNAL)) \
	X(AT_SetStatistics, REFUSED, "SET STATISTICS", STORAGE) \
	X(AT_SetOptions, REFUSED, "SET of column options", STORAGE) \
	X(AT_ResetOptions, REFUSED, "RESET of column options", STORAGE) \
	X(AT_SetStorage, REFUSED, "SET STORAGE", STORAGE) \
	X(AT_SetCompression, REFUSED, "SET COMPRESSION", STORAGE) \
	X(AT_DropColumn, REFUSED, "DROP COLUMN", LOST) \
	COMPAT_UNTIL_15(X(AT_DropColumnRecurse, REFUSED, "DROP COLUMN of children", INTERNAL)) \
	X(AT_AddIndex, REFUSED, "ADD of an index", INTERNAL) \
	X(AT_ReAddIndex, REFUSED, "ADD of an index once more", INTERNAL) \
	X(AT_AddConstraint, REFUSED, "ADD CONSTRAINT", BUSINESS) \
	COMPAT_UNTIL_15(X(AT_AddConstraintRecurse, REFUSED, "ADD CONSTRAINT to children", INTERNAL)) \
	X(AT_ReAddConstraint, REFUSED, "ADD CONSTRAINT once more", INTERNAL) \
	X(AT_ReAddDomainConstraint, REFUSED, "ADD CONSTRAINT of a domain once more", INTERNAL) \
	X(AT_AlterConstraint, REFUSED, "ALTER CONSTRAINT", BUSINESS) \
	X(AT_ValidateConstraint, REFUSED, "VALIDATE CONSTRAINT", BUSINESS) \
	COMPAT_UNTIL_15(X(AT_ValidateConstraintRecurse, REFUSED, "VALIDATE CONSTRAINT of children", INTERNAL)) \
	X(AT_AddIndexConstraint, REFUSED, "ADD CONSTRAINT USING INDEX", INTERNAL) \
	X(AT_DropConstraint, REFUSED, "DROP CONSTRAINT", BUSINESS) \
	COMPAT_UNTIL_15(X(AT_DropConstraintRecurse, REFUSED, "DROP CONSTRAINT of children", INTERNAL)) \
	X(AT_ReAddComment, REFUSED, "COMMENT once more", INTERNAL) \
	X(AT_AlterColumnType, STEP_WIDEN_TYPE, "ALTER COLUMN TYPE", \
	  "more room in the same family of types, or text after approval") \
	X(AT_AlterColumnGenericOptions, REFUSED, "OPTIONS of a column", \
	  "what another server is told is decided by people") \
	X(AT_ChangeOwner, REFUSED, "OWNER TO", "who owns a table is decided by people") \
	X(AT_ClusterOn, REFUSED, "CLUSTER ON", STORAGE) \
	X(AT_DropCluster, REFUSED, "SET WITHOUT CLUSTER", STORAGE) \
	X(AT_SetLogged, REFUSED, "SET LOGGED", "it rewrites the table") \
	X(AT_SetUnLogged, REFUSED, "SET UNLOGGED", "a crash would empty the table") \
	X(AT_DropOids, REFUSED, "SET WITHOUT OIDS", "no table has any") \
	X(AT_SetAccessMethod, REFUSED, "SET ACCESS METHOD", STORAGE) \
	X(AT_SetTableSpace, REFUSED, "SET TABLESPACE", STORAGE) \
	X(AT_SetRelOptions, REFUSED, "SET of storage parameters", STORAGE) \
	X(AT_ResetRelOptions, REFUSED, "RESET of storage parameters", STORAGE) \
	X(AT_ReplaceRelOptions, REFUSED, "SET of a view's options", INTERNAL) \
	X(AT_EnableTrig, REFUSED, "ENABLE TRIGGER", TRIGGERS) \
	X(AT_EnableAlwaysTrig, REFUSED, "ENABLE ALWAYS TRIGGER", TRIGGERS) \
	X(AT_EnableReplicaTrig, REFUSED, "ENABLE REPLICA TRIGGER", TRIGGERS) \
	X(AT_DisableTrig, REFUSED, "DISABLE TRIGGER", TRIGGERS) \
	X(AT_EnableTrigAll, REFUSED, "ENABLE TRIGGER ALL", TRIGGERS) \
	X(AT_DisableTrigAll, REFUSED, "DISABLE TRIGGER ALL", TRIGGERS) \
	X(AT_EnableTrigUser, REFUSED, "ENABLE TRIGGER USER", TRIGGERS) \
	X(AT_DisableTrigUser, REFUSED, "DISABLE TRIGGER USER", TRIGGERS) \
	X(AT_EnableRule, REFUSED, "ENABLE RULE", RULES) \
	X(AT_EnableAlwaysRule, REFUSED, "ENABLE ALWAYS RULE", RULES) \
	X(AT_EnableReplicaRule, REFUSED, "ENABLE REPLICA RULE", RULES) \
	X(AT_DisableRule, REFUSED, "DISABLE RULE", RULES) \
	X(AT_AddInherit, REFUSED, "INHERIT", CHILDREN) \
	X(AT_DropInherit, REFUSED, "NO INHERIT", CHILDREN) \
	X(AT_AddOf, REFUSED, "OF type", "the table would get its columns from a type") \
	X(AT_DropOf, REFUSED, "NOT OF", "the table would no longer get its columns from its type") \
	X(AT_ReplicaIdentity, REFUSED, "REPLICA IDENTITY", \
	  "what subscribers are sent is decided by people") \
	X(AT_EnableRowSecurity, REFUSED, "ENABLE ROW LEVEL SECURITY", SECURITY) \
	X(AT_DisableRowSecurity, REFUSED, "DISABLE ROW LEVEL SECURITY", SECURITY) \
	X(AT_ForceRowSecurity, REFUSED, "FORCE ROW LEVEL SECURITY", SECURITY) \
	X(AT_NoForceRowSecurity, REFUSED, "NO FORCE ROW LEVEL SECURITY", SECURITY) \
	X(AT_GenericOptions, REFUSED, "OPTIONS", \
	  "what another server is told is decided by people") \
	X(AT_AttachPartition, REFUSED, "ATTACH PARTITION", CHILDREN) \
	X(AT_DetachPartition, REFUSED, "DETACH PARTITION", CHILDREN) \
	X(AT_DetachPartitionFinalize, REFUSED, "DETACH PARTITION FINALIZE", CHILDREN) \
	X(AT_AddIdentity, REFUSED, "ADD GENERATED AS IDENTITY", SEQUENCE) \
	X(AT_SetIdentity, STEP_SET_GENERATED_BY_DEFAULT, "SET GENERATED", \
	  "SET GENERATED BY DEFAULT alone") \
	X(AT_DropIdentity, REFUSED, "DROP IDENTITY", SEQUENCE) \
	X(AT_ReAddStatistics, REFUSED, "STATISTICS once more", INTERNAL)

/* The same for what may stand behind a new column's type. */
#define CONSTRAINTS(X) \
	X(CONSTR_NULL, STEP_ADD_COLUMN, "NULL", "a new column is nullable anyway") \
	X(CONSTR_NOTNULL, REFUSED, "NOT NULL", "it cannot be true of the rows that are there") \
	X(CONSTR_DEFAULT, REFUSED, "DEFAULT", "it would give values to rows that never had one") \
	X(CONSTR_IDENTITY, REFUSED, "GENERATED AS IDENTITY", "it makes a sequence and rewrites the table") \
	X(CONSTR_GENERATED, REFUSED, "GENERATED", "the column would be computed, not loaded") \
	X(CONSTR_CHECK, REFUSED, "CHECK", BUSINESS) \
	X(CONSTR_PRIMARY, REFUSED, "PRIMARY KEY", BUSINESS) \
	X(CONSTR_UNIQUE, REFUSED, "UNIQUE", BUSINESS) \
	X(CONSTR_EXCLUSION, REFUSED, "EXCLUDE", BUSINESS) \
	X(CONSTR_FOREIGN, REFUSED, "REFERENCES", BUSINESS) \
	X(CONSTR_ATTR_DEFERRABLE, REFUSED, "DEFERRABLE", BUSINESS) \
	X(CONSTR_ATTR_NOT_DEFERRABLE, REFUSED, "NOT DEFERRABLE", BUSINESS) \
	X(CONSTR_ATTR_DEFERRED, REFUSED, "INITIALLY DEFERRED", BUSINESS) \
	X(CONSTR_ATTR_IMMEDIATE, REFUSED, "INITIALLY IMMEDIATE", BUSINESS) \
	COMPAT_SINCE_18(X(CONSTR_ATTR_ENFORCED, REFUSED, "ENFORCED", BUSINESS)) \
	COMPAT_SINCE_18(X(CONSTR_ATTR_NOT_ENFORCED, REFUSED, "NOT ENFORCED", BUSINESS))

#define LINE(member, verdict, words, why) {member, verdict, #member, words, why},
#define PLACE(member, verdict, words, why) PLACE_##member,
#define FIND(member, verdict, words, why) \
		case member: return &LIST[PLACE_##member];

static const Subcommand subcommands[] = {SUBCOMMANDS(LINE)};
static const Subcommand constraints[] = {CONSTRAINTS(LINE)};

enum
{
	SUBCOMMANDS(PLACE)
};
enum
{
	CONSTRAINTS(PLACE)
};

/* What we were not compiled for. */
static const Subcommand unknown = {
	-1, REFUSED, NULL, "this form of ALTER TABLE", "selfheal does not know it"
};

/*
 * Statements that are refused as a whole and that look like ALTER TABLE. All
 * others are refused under the name that PostgreSQL has for them.
 */
static const struct
{
	NodeTag		tag;
	const char *name;
	const char *words;
	const char *why;
}			statements[] =

{
	{
		T_RenameStmt, "T_RenameStmt", "RENAME", "whoever names it would not find it"
	},
	{
		T_AlterObjectSchemaStmt, "T_AlterObjectSchemaStmt", "SET SCHEMA", "whoever names it would not find it"
	},
	{
		T_AlterTableMoveAllStmt, "T_AlterTableMoveAllStmt", "ALTER TABLE ALL IN TABLESPACE", STORAGE
	},
	{
		T_AlterObjectDependsStmt, "T_AlterObjectDependsStmt", "DEPENDS ON EXTENSION", CHILDREN
	},
};

/* See the header. No default: the compiler misses a member for us. */
const Subcommand *
subcommand_of(AlterTableType type)
{
#define LIST subcommands
	switch (type)
	{
			SUBCOMMANDS(FIND)
	}
#undef LIST
	return &unknown;
}

/* See the header. */
const Subcommand *
subcommand_constraint(ConstrType type)
{
#define LIST constraints
	switch (type)
	{
			CONSTRAINTS(FIND)
	}
#undef LIST
	return &unknown;
}

/* See the header. */
const char *
subcommand_statement(Node *stmt)
{
	for (int i = 0; i < (int) lengthof(statements); i++)
		if (statements[i].tag == nodeTag(stmt))
			return statements[i].words;
	return CreateCommandName(stmt);
}

/* One row of verdicts(). */
static void
put_row(ReturnSetInfo *rsinfo, const char *part, int number, const char *name,
		const char *words, const char *verdict, const char *why)
{
	Datum		values[6];
	bool		nulls[6] = {false, number < 0, name == NULL, false, false, false};

	values[0] = CStringGetTextDatum(part);
	values[1] = Int32GetDatum(number);
	values[2] = name ? CStringGetTextDatum(name) : (Datum) 0;
	values[3] = CStringGetTextDatum(words);
	values[4] = CStringGetTextDatum(verdict);
	values[5] = CStringGetTextDatum(why);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/* All lines of a list, as the vetter finds them. */
static void
put_list(ReturnSetInfo *rsinfo, const char *part, const Subcommand *list, int n)
{
	for (int i = 0; i < n; i++)
		put_row(rsinfo, part, list[i].number, list[i].name, list[i].words,
				list[i].verdict == REFUSED ? "refused" :
				plan_step_name((StepKind) list[i].verdict), list[i].why);
}

/* verdicts(): the lists as rows, for whoever does not believe the manual. */
Datum
selfheal_verdicts(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	put_list(rsinfo, "subcommand", subcommands, lengthof(subcommands));
	put_list(rsinfo, "constraint", constraints, lengthof(constraints));
	put_row(rsinfo, "statement", -1, "T_AlterTableStmt", "ALTER TABLE",
			"by subcommand", "every subcommand must be a step");
	put_row(rsinfo, "statement", -1, "T_AlterEnumStmt", "ALTER TYPE ADD VALUE",
			plan_step_name(STEP_ADD_ENUM_LABEL),
			"one label, at the end, of a type that a column of the table has");
	for (int i = 0; i < (int) lengthof(statements); i++)
		put_row(rsinfo, "statement", -1, statements[i].name, statements[i].words,
				"refused", statements[i].why);
	put_row(rsinfo, "statement", -1, NULL, "any other statement", "refused",
			"no other statement is looked at");
	return (Datum) 0;
}
