/*
 * misplaced.c
 *	  Failures of a statement that are about its columns, not about a value.
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "nodes/primnodes.h"
#include "orient/fitting.h"
#include "orient/misplaced.h"
#include "orient/wording.h"
#include "rewrite/rewriteHandler.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

List *
misplaced_columns(Oid relid)
{
	Relation	rel = OidIsValid(relid) ? try_relation_open(relid, AccessShareLock) : NULL;
	List	   *columns = NIL;

	if (rel == NULL)
		return NIL;
	for (int i = 0; i < RelationGetNumberOfAttributes(rel); i++)
		if (!TupleDescAttr(RelationGetDescr(rel), i)->attisdropped)
			columns = lappend(columns, pstrdup(NameStr(TupleDescAttr(RelationGetDescr(rel), i)->attname)));
	relation_close(rel, NoLock);
	return columns;
}

/* Name of a column of the relation where it is healed, or NULL. */
static char *
healed_name(const Behind *behind, Oid named, const char *column)
{
	AttrNumber	attnum = column ? get_attnum(named, column) : 0;

	return attnum > 0 && attnum <= behind->natts ? behind->columns[attnum - 1] : NULL;
}

/* A column that the list names and the table lacks, with what it was given. */
static void
add_unknown(Scene *scene, Oid relid, const char *column, Node *value)
{
	char	   *text;
	bool		isnull;
	Oid			type;
	Misfit		misfit;
	bool		known = given_literal(value, scene->failure, &text, &isnull, &type);

	if (known && fitting_value(relid, column, given_json(text, isnull, type),
							   scene->failure->sqlstate, &misfit) &&
		(misfit.class == FIT_UNKNOWN_KEY || misfit.class == FIT_KEY_TOO_LONG ||
		 misfit.class == FIT_BAD_KEY))
		suspects_add(&scene->suspects, relid, misfit.class, column, misfit.need, NULL, text);
	else
		suspects_add(&scene->suspects, relid, FIT_UNKNOWN_KEY, column, NULL, NULL,
					 known ? text : NULL);
}

/* 42703 of a list of columns. */
static void
unknown_columns(Scene *scene)
{
	ListCell   *lc;

	foreach(lc, scene->analysed->faults)
	{
		Fault	   *fault = lfirst(lc);
		Behind	   *behind;

		if (fault->error->sqlerrcode != ERRCODE_UNDEFINED_COLUMN || !fault->placed ||
			fault->at.row >= 0 || fault->column == NULL)
			continue;
		behind = behind_name(fault->at.write->relid);
		if (OidIsValid(behind->relid))
			add_unknown(scene, behind->relid, fault->column, fault->value);
	}
}

/* 42703 of a COPY: the columns in its list. */
static void
unknown_copy_columns(Scene *scene, const Write *write)
{
	Behind	   *behind = behind_name(write->relid);
	ListCell   *lc;

	foreach(lc, *write->columns)
	{
		if (OidIsValid(behind->relid) && get_attnum(write->relid, strVal(lfirst(lc))) <= 0)
			suspects_add(&scene->suspects, behind->relid, FIT_UNKNOWN_KEY, strVal(lfirst(lc)),
						 NULL, NULL, NULL);
	}
}

/* 42601: as many expressions as columns? A row that has more has one for no
 * column; with fewer, the first without one is named. */
static void
uneven(Scene *scene)
{
	ListCell   *lc;

	foreach(lc, scene->written->writes)
	{
		Write	   *write = lfirst(lc);
		Behind	   *behind;
		int			columns;
		ListCell   *row;

		if (!OidIsValid(write->relid) || write->insert == NULL || write->command != CMD_INSERT)
			continue;
		behind = behind_name(write->relid);
		columns = *write->columns != NIL ? list_length(*write->columns) :
			list_length(misplaced_columns(write->relid));
		foreach(row, OidIsValid(behind->relid) ? write->rows : NIL)
		{
			int			n = list_length(lfirst(row));

			if (n > columns || n != list_length(linitial(write->rows)))
				suspects_add(&scene->suspects, behind->relid, FIT_OTHER, NULL, NULL, NULL, NULL);
			else if (n < columns && *write->columns != NIL)
				suspects_add(&scene->suspects, behind->relid, FIT_OTHER,
							 healed_name(behind, write->relid, writes_column(write, n)),
							 NULL, NULL, NULL);
		}
	}
}

/* 42804: an expression of a type that the column does not take. */
static void
mismatched(Scene *scene)
{
	const Failure *failure = scene->failure;
	Oid		   *types = palloc0(sizeof(Oid) * Max(failure->nparams, 1));
	ListCell   *lc;

	for (int i = 0; i < failure->nparams; i++)
		types[i] = failure->params[i].type;
	foreach(lc, scene->analysed->faults)
	{
		Fault	   *fault = lfirst(lc);
		Behind	   *behind;
		char	   *column;
		char	   *text;
		bool		isnull;
		Oid			type;

		if (fault->error->sqlerrcode != ERRCODE_DATATYPE_MISMATCH || !fault->placed ||
			fault->at.row < 0)
			continue;
		behind = behind_name(fault->at.write->relid);
		column = healed_name(behind, fault->at.write->relid, fault->column);
		if (column == NULL)
			continue;
		if (!given_literal(fault->value, failure, &text, &isnull, &type))
			text = NULL;
		type = analysed_type(scene->text, fault->at.write, fault->value, types, failure->nparams);
		suspects_add(&scene->suspects, behind->relid, FIT_WRONG_TYPE, column,
					 OidIsValid(type) && type != UNKNOWNOID ? format_type_be(type) : NULL, NULL, text);
	}
}

/* 428C9: a value for what the database computes. */
static void
computed(Scene *scene)
{
	ListCell   *lc;

	foreach(lc, scene->cells)
	{
		Cell	   *cell = lfirst(lc);
		const Behind *behind = cell->behind;
		char	   *column = cells_column(cell);
		Relation	rel;
		Form_pg_attribute att;
		bool		refused;

		if (column == NULL || cell->isdefault)
			continue;
		rel = relation_open(behind->relid, AccessShareLock);
		att = TupleDescAttr(RelationGetDescr(rel), get_attnum(behind->relid, column) - 1);
		refused = att->attgenerated != '\0' || att->attidentity == ATTRIBUTE_IDENTITY_ALWAYS;
		relation_close(rel, NoLock);
		if (refused)
			suspects_add(&scene->suspects, behind->relid, FIT_GENERATED, column, NULL, NULL,
						 cell->known ? cell->text : NULL);
	}
}

/* The sequence that a default takes its numbers from. */
static bool
find_sequence(Node *node, void *arg)
{
	Oid		   *sequence = arg;

	if (node == NULL)
		return false;
	if (IsA(node, NextValueExpr))
		*sequence = ((NextValueExpr *) node)->seqid;
	else if (IsA(node, FuncExpr) && ((FuncExpr *) node)->funcid == F_NEXTVAL)
	{
		Node	   *name = linitial(((FuncExpr *) node)->args);

		if (IsA(name, Const) && !((Const *) name)->constisnull)
			*sequence = DatumGetObjectId(((Const *) name)->constvalue);
	}
	return OidIsValid(*sequence) || expression_tree_walker(node, find_sequence, arg);
}

/* 2200H: which column's default takes from the sequence that is named? */
static void
used_up(Scene *scene, const Write *write)
{
	Behind	   *behind = behind_name(write->relid);
	char	   *quoted = wording_quoted(scene->failure->message);
	Relation	rel = OidIsValid(behind->relid) ?
	try_relation_open(behind->relid, AccessShareLock) : NULL;

	if (rel == NULL)
		return;
	for (int i = 1; i <= RelationGetNumberOfAttributes(rel); i++)
	{
		Form_pg_attribute att = TupleDescAttr(RelationGetDescr(rel), i - 1);
		Node	   *value = att->attisdropped ? NULL : build_column_default(rel, i);
		Oid			sequence = InvalidOid;
		char	   *name;

		(void) find_sequence(value, &sequence);
		name = OidIsValid(sequence) ? get_rel_name(sequence) : NULL;
		if (name != NULL && (quoted == NULL || strncmp(quoted, name, strlen(name)) == 0))
			suspects_add(&scene->suspects, behind->relid, FIT_SEQUENCE, NameStr(att->attname),
						 NULL, name, NULL);
	}
	relation_close(rel, NoLock);
}

bool
misplaced_find(Scene *scene)
{
	ListCell   *lc;

	switch (scene->failure->sqlstate)
	{
		case ERRCODE_UNDEFINED_COLUMN:
			unknown_columns(scene);
			break;
		case ERRCODE_UNDEFINED_TABLE:
		case ERRCODE_SYNTAX_ERROR:
		case ERRCODE_SEQUENCE_GENERATOR_LIMIT_EXCEEDED:
			break;
		case ERRCODE_DATATYPE_MISMATCH:
			mismatched(scene);
			return true;
		case ERRCODE_GENERATED_ALWAYS:
			computed(scene);
			return true;
		default:
			return false;
	}
	if (scene->failure->sqlstate == ERRCODE_SYNTAX_ERROR)
		uneven(scene);
	foreach(lc, scene->written->writes)
	{
		Write	   *write = lfirst(lc);

		if (scene->failure->sqlstate == ERRCODE_UNDEFINED_COLUMN && write->command == CMD_UTILITY &&
			OidIsValid(write->relid))
			unknown_copy_columns(scene, write);
		if (scene->failure->sqlstate == ERRCODE_UNDEFINED_TABLE && !OidIsValid(write->relid))
			suspects_add(&scene->suspects, InvalidOid, FIT_OTHER, NULL, NULL, NULL,
						 quote_qualified_identifier(write->relation->schemaname,
													write->relation->relname));
		if (scene->failure->sqlstate == ERRCODE_SEQUENCE_GENERATOR_LIMIT_EXCEEDED)
			used_up(scene, write);
	}
	return true;
}

/* What COPY says of a value, as JSON. Of the text that it has clipped, and
 * which is longer by at least one, one is left. */
static char *
shown_json(const CopyWhere *where)
{
	char	   *text = where->value;

	if (where->isnull)
		return pstrdup("null");
	if (text == NULL)
		return NULL;
	if (where->clipped)
		text = psprintf("%.*s.", (int) strlen(text) - 3, text);
	return given_json(text, false, TEXTOID);
}

bool
misplaced_copy(Scene *scene)
{
	const Failure *failure = scene->failure;
	Write	   *write = linitial(scene->written->writes);
	Behind	   *behind = behind_name(write->relid);
	List	   *columns = misplaced_columns(write->relid);
	CopyWhere	where;
	char	   *quoted = NULL;

	if (!OidIsValid(behind->relid) ||
		!wording_copy(failure->context, write->relation->relname, columns, &where))
		return false;
	if (where.column != NULL)
		suspects_value(&scene->suspects, failure, behind->relid,
					   healed_name(behind, write->relid, where.column),
					   where.value, shown_json(&where));
	else if (failure->sqlstate == ERRCODE_BAD_COPY_FILE_FORMAT)
	{
		quoted = wording_quoted(failure->message);
		suspects_add(&scene->suspects, behind->relid, FIT_OTHER,
					 quoted ? healed_name(behind, write->relid, quoted) : NULL,
					 NULL, NULL, where.value);
	}
	else if (failure->sqlstate == ERRCODE_CHARACTER_NOT_IN_REPERTOIRE ||
			 failure->sqlstate == ERRCODE_UNTRANSLATABLE_CHARACTER)
		suspects_add(&scene->suspects, behind->relid, FIT_BAD_ENCODING, NULL, NULL, NULL, NULL);
	else if (ERRCODE_TO_CATEGORY(failure->sqlstate) == ERRCODE_DATA_EXCEPTION)
	{
		suspects_by_type(&scene->suspects, failure, behind->relid, columns);
		scene->guessed = true;
	}
	return true;
}
