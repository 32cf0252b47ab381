/*
 * lineage.c
 *	  Which columns of which views come from a column of a table?
 *
 * pg_depend says which views name a column, and nothing of what for. That
 * stands in the view's query as it is stored in pg_rewrite: an output column
 * that is the column and nothing else carries its origin; any other is looked
 * through, subqueries, joins and WITH included, for a mention of the column.
 *
 * Whether the type of a computed column follows cannot be known without
 * parsing the view again under the new type. What can be known is when it
 * does not: functions and operators are found by the type alone, so a new
 * width only comes through where the expression has a modifier itself; a
 * written cast and a count stay what they are; and a number that is another
 * number makes no word or date of what was none. All else may follow.
 *
 * The query is read from the catalog's row and not through the view's
 * relation: a REFRESH that holds its lock for an hour is not waited for.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "base/compat.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_type.h"
#include "decide/lineage.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteSupport.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/* Nodes that one search in a query visits, at most; past them it is found. */
#define MAX_VISITS 100000

/* A column that changes: of the table, or of a view on it. */
typedef struct Source
{
	Oid			relid;
	AttrNumber	attnum;
	int			depth;			/* 0: of the table */
	bool		carried;		/* it is the table's column and nothing else */
} Source;

/* What the step changes. */
typedef struct Change
{
	bool		of_type;		/* else: it may be null */
	bool		of_family;		/* of_type: nothing of it stays what it was */
	bool		of_width;		/* of_type: the modifier alone */
	Oid			old_type;
	Oid			new_type;
} Change;

/* The queries around an expression, innermost first. */
typedef struct Trail
{
	const struct Trail *outer;
	const Query *query;
} Trail;

typedef struct Search
{
	const Trail *at;
	Oid			relid;
	AttrNumber	attnum;
	int		   *visits;
} Search;

static bool mentions(Node *node, void *context);
static bool output_mentions(const Query *query, AttrNumber n,
							const Trail *outer, const Search *search);

/* Oids of the views whose query names this column; 0: any of the relation. */
static List *
views_naming(Oid relid, AttrNumber attnum)
{
	Relation	depend = table_open(DependRelationId, AccessShareLock);
	Relation	rewrite = table_open(RewriteRelationId, AccessShareLock);
	ScanKeyData key[3];
	SysScanDesc scan;
	HeapTuple	tup;
	List	   *views = NIL;

	ScanKeyInit(&key[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(RelationRelationId));
	ScanKeyInit(&key[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(relid));
	ScanKeyInit(&key[2], Anum_pg_depend_refobjsubid, BTEqualStrategyNumber,
				F_INT4EQ, Int32GetDatum((int32) attnum));
	scan = systable_beginscan(depend, DependReferenceIndexId, true, NULL,
							  attnum == InvalidAttrNumber ? 2 : 3, key);
	while (HeapTupleIsValid(tup = systable_getnext(scan)))
	{
		Form_pg_depend dep = (Form_pg_depend) GETSTRUCT(tup);
		ScanKeyData rule_key;
		SysScanDesc rule_scan;
		HeapTuple	rule;

		if (dep->classid != RewriteRelationId)
			continue;
		ScanKeyInit(&rule_key, Anum_pg_rewrite_oid, BTEqualStrategyNumber,
					F_OIDEQ, ObjectIdGetDatum(dep->objid));
		rule_scan = systable_beginscan(rewrite, RewriteOidIndexId, true, NULL,
									   1, &rule_key);
		rule = systable_getnext(rule_scan);
		if (HeapTupleIsValid(rule))
		{
			Form_pg_rewrite form = (Form_pg_rewrite) GETSTRUCT(rule);

			/* a view depends on its own rule and the rule on the view */
			if (form->ev_class != relid &&
				strcmp(NameStr(form->rulename), ViewSelectRuleName) == 0)
				views = list_append_unique_oid(views, form->ev_class);
		}
		systable_endscan(rule_scan);
	}
	systable_endscan(scan);
	table_close(rewrite, AccessShareLock);
	table_close(depend, AccessShareLock);
	return views;
}

/* The stored query of a view, or NULL when it is gone. */
static Query *
view_query(Oid view)
{
	HeapTuple	tup = SearchSysCache2(RULERELNAME, ObjectIdGetDatum(view),
									  PointerGetDatum(ViewSelectRuleName));
	Datum		action;
	bool		isnull;
	List	   *queries = NIL;

	if (!HeapTupleIsValid(tup))
		return NULL;
	action = SysCacheGetAttr(RULERELNAME, tup, Anum_pg_rewrite_ev_action,
							 &isnull);
	if (!isnull)
		queries = (List *) stringToNode(TextDatumGetCString(action));
	ReleaseSysCache(tup);
	return queries == NIL ? NULL : linitial_node(Query, queries);
}

/* Does this column of a query's range table come from what is looked for? */
static bool
var_mentions(const Var *var, const Search *search)
{
	const Trail *at = search->at;
	Search		here = *search;
	const RangeTblEntry *rte;
	List	   *group;
	Index		up;

	for (up = var->varlevelsup; up > 0 && at != NULL; up--)
		at = at->outer;
	if (at == NULL)
		return true;			/* not as we know queries: be cautious */
	here.at = at;
	rte = rt_fetch(var->varno, at->query->rtable);
	group = compat_group_exprs(rte);
	if (group != NIL && var->varattno > 0)
		return mentions(list_nth(group, var->varattno - 1), &here);
	switch (rte->rtekind)
	{
		case RTE_RELATION:
			return rte->relid == search->relid &&
				(var->varattno == search->attnum || var->varattno == 0);
		case RTE_SUBQUERY:
			return output_mentions(rte->subquery, var->varattno, at, search);
		case RTE_JOIN:
			if (var->varattno <= 0)
				return true;
			return mentions(list_nth(rte->joinaliasvars, var->varattno - 1),
							&here);
		case RTE_CTE:
			{
				const Trail *with = at;
				ListCell   *lc;

				/* what a recursive query gives itself it has from elsewhere */
				if (rte->self_reference)
					return false;
				for (up = rte->ctelevelsup; up > 0 && with != NULL; up--)
					with = with->outer;
				if (with == NULL)
					return true;
				foreach(lc, with->query->cteList)
				{
					const CommonTableExpr *cte = lfirst(lc);

					if (strcmp(cte->ctename, rte->ctename) == 0)
						return output_mentions((const Query *) cte->ctequery,
											   var->varattno, with, search);
				}
				return true;
			}
		case RTE_FUNCTION:
			return mentions((Node *) rte->functions, &here);
		case RTE_TABLEFUNC:
			return mentions((Node *) rte->tablefunc, &here);
		case RTE_VALUES:
			return mentions((Node *) rte->values_lists, &here);
		default:
			return false;
	}
}

/* Does the nth output column of a query (0: any) come from it? */
static bool
output_mentions(const Query *query, AttrNumber n, const Trail *outer,
				const Search *search)
{
	Trail		trail = {outer, query};
	Search		inner = *search;
	ListCell   *lc;

	inner.at = &trail;
	if (query->setOperations != NULL)
	{
		/* the arms of a UNION are its subqueries */
		foreach(lc, query->rtable)
		{
			const RangeTblEntry *rte = lfirst(lc);

			if (rte->rtekind == RTE_SUBQUERY &&
				output_mentions(rte->subquery, n, &trail, search))
				return true;
		}
		return false;
	}
	foreach(lc, query->targetList)
	{
		const TargetEntry *tle = lfirst(lc);

		if ((n == 0 ? !tle->resjunk : tle->resno == n) &&
			mentions((Node *) tle->expr, &inner))
			return true;
	}
	return false;
}

/* Does an expression come from it? */
static bool
mentions(Node *node, void *context)
{
	const Search *search = context;

	if (node == NULL)
		return false;
	check_stack_depth();
	if (++*search->visits > MAX_VISITS)
		return true;
	if (IsA(node, Var))
		return var_mentions((const Var *) node, search);
	if (IsA(node, SubLink))
	{
		const SubLink *link = (const SubLink *) node;

		/* whether rows are there is a boolean under every type */
		if (link->subLinkType != EXPR_SUBLINK &&
			link->subLinkType != ARRAY_SUBLINK)
			return false;
		return output_mentions((const Query *) link->subselect, 0, search->at,
							   search);
	}
	return expression_tree_walker(node, mentions, context);
}

/* Has it the type that somebody wrote beside it, or that a count has? */
static bool
is_fixed(const Node *expr)
{
	switch (nodeTag(expr))
	{
		case T_FuncExpr:
			return ((const FuncExpr *) expr)->funcformat == COERCE_EXPLICIT_CAST;
		case T_RelabelType:
			return ((const RelabelType *) expr)->relabelformat == COERCE_EXPLICIT_CAST;
		case T_CoerceViaIO:
			return ((const CoerceViaIO *) expr)->coerceformat == COERCE_EXPLICIT_CAST;
		case T_Aggref:
			return ((const Aggref *) expr)->aggfnoid == F_COUNT_ANY;
		default:
			return false;
	}
}

/* May the type of this expression follow, if it is made from the column? */
static bool
may_follow(const Change *change, const Node *expr)
{
	Oid			type = exprType(expr);
	char		category;
	bool		preferred;

	if (!change->of_type)
		return true;
	if (is_fixed(expr))
		return false;
	if (change->of_family)
		return true;
	if (change->of_width)
		return exprTypmod(expr) != -1;
	get_type_category_preferred(type, &category, &preferred);
	if (category == TYPCATEGORY_ARRAY || category == TYPCATEGORY_COMPOSITE ||
		category == TYPCATEGORY_PSEUDOTYPE || category == TYPCATEGORY_RANGE)
		return true;
	if (change->old_type == VARCHAROID)
		return type == VARCHAROID;
	return category == TYPCATEGORY_NUMERIC;
}

/* The entry of this view, made when it is new; NULL: no more are taken. */
static ViewReach *
reach(List **reached, Oid view, const Source *source, bool *cut)
{
	ViewReach  *entry;
	char		relkind;
	ListCell   *lc;

	foreach(lc, *reached)
	{
		entry = lfirst(lc);
		if (entry->view == view)
			return entry;
	}
	relkind = get_rel_relkind(view);
	if (relkind != RELKIND_VIEW && relkind != RELKIND_MATVIEW)
		return NULL;
	if (list_length(*reached) >= LINEAGE_MAX_VIEWS)
	{
		*cut = true;
		return NULL;
	}
	entry = palloc0(sizeof(ViewReach));
	entry->view = view;
	entry->materialized = (relkind == RELKIND_MATVIEW);
	entry->depth = source->depth + 1;
	entry->through = source->depth > 0 ? source->relid : InvalidOid;
	*reached = lappend(*reached, entry);
	return entry;
}

/* One more column that changes, unless it is known. */
static List *
add_source(List *sources, Oid relid, AttrNumber attnum, int depth, bool carried)
{
	Source	   *source;
	ListCell   *lc;

	foreach(lc, sources)
	{
		source = lfirst(lc);
		if (source->relid == relid && source->attnum == attnum)
			return sources;
	}
	source = palloc0(sizeof(Source));
	source->relid = relid;
	source->attnum = attnum;
	source->depth = depth;
	source->carried = carried;
	return lappend(sources, source);
}

static List *
add_name(List *names, char *name)
{
	ListCell   *lc;

	foreach(lc, names)
		if (strcmp(lfirst(lc), name) == 0)
		return names;
	return lappend(names, name);
}

/* What a view that names a source makes of it; more sources are its columns. */
static List *
follow(List *sources, const Source *source, ViewReach *entry,
	   const Change *change)
{
	Query	   *query = view_query(entry->view);
	ListCell   *lc;

	if (query == NULL)
		return sources;
	foreach(lc, query->targetList)
	{
		const TargetEntry *tle = lfirst(lc);
		char	   *name;
		bool		same;

		if (tle->resjunk)
			continue;
		same = (tle->resorigtbl == source->relid &&
				tle->resorigcol == source->attnum);
		if (!same)
		{
			int			visits = 0;
			Trail		trail = {NULL, query};
			Search		search = {&trail, source->relid, source->attnum,
			&visits};

			if (!may_follow(change, (const Node *) tle->expr))
				continue;
			if (query->setOperations != NULL ?
				!output_mentions(query, tle->resno, NULL, &search) :
				!mentions((Node *) tle->expr, &search))
				continue;
		}
		name = get_attname(entry->view, tle->resno, true);
		if (name == NULL)
			continue;
		if (same && source->carried)
			entry->carried = add_name(entry->carried, name);
		else
			entry->computed = add_name(entry->computed, name);
		sources = add_source(sources, entry->view, tle->resno,
							 source->depth + 1, same && source->carried);
	}
	return sources;
}

List *
lineage_of_step(const List *tree, const PlanStep *step, bool *cut)
{
	Change		change = {plan_changes_type(step), step->kind == STEP_CONVERT_TYPE,
	false, InvalidOid, step->type};
	List	   *sources = NIL;
	List	   *reached = NIL;
	ListCell   *lc;
	int			i;

	*cut = false;
	foreach(lc, tree)
	{
		AttrNumber	attnum = get_attnum(lfirst_oid(lc), step->column);

		if (attnum == InvalidAttrNumber)
			continue;
		sources = add_source(sources, lfirst_oid(lc), attnum, 0, true);
		change.old_type = get_atttype(lfirst_oid(lc), attnum);
	}
	change.of_width = (change.old_type == change.new_type);

	/* the list grows while it is read: level by level */
	for (i = 0; i < list_length(sources); i++)
	{
		const Source *source = list_nth(sources, i);

		CHECK_FOR_INTERRUPTS();
		foreach(lc, views_naming(source->relid, source->attnum))
		{
			ViewReach  *entry = reach(&reached, lfirst_oid(lc), source, cut);

			if (entry != NULL)
				sources = follow(sources, source, entry, &change);
		}
	}
	return reached;
}

/* Columns of a table that are not dropped. */
static int
living_columns(Oid relid)
{
	HeapTuple	tup = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	int			natts;
	int			alive = 0;
	int			i;

	if (!HeapTupleIsValid(tup))
		return 0;
	natts = ((Form_pg_class) GETSTRUCT(tup))->relnatts;
	ReleaseSysCache(tup);
	for (i = 1; i <= natts; i++)
		alive += (get_attname(relid, i, true) != NULL);
	return alive;
}

List *
lineage_of_all(Oid relid, bool *cut)
{
	Source		table = {relid, InvalidAttrNumber, 0, true};
	List	   *reached = NIL;
	ListCell   *lc;
	int			alive = living_columns(relid);

	*cut = false;
	foreach(lc, views_naming(relid, InvalidAttrNumber))
	{
		Query	   *query = view_query(lfirst_oid(lc));
		Bitmapset  *shown = NULL;
		ListCell   *lc2;

		CHECK_FOR_INTERRUPTS();
		if (query == NULL)
			continue;
		foreach(lc2, query->targetList)
		{
			const TargetEntry *tle = lfirst(lc2);

			if (tle->resorigtbl == relid && tle->resorigcol > 0)
				shown = bms_add_member(shown, tle->resorigcol);
		}
		if (alive > 0 && bms_num_members(shown) == alive &&
			reach(&reached, lfirst_oid(lc), &table, cut) == NULL && *cut)
			break;
	}
	return reached;
}
