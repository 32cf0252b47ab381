/*
 * unfilled.c
 *	  Which columns that must have a value did a statement leave without one?
 *
 * The server names the column of a null that it refuses. Who asks by hand may
 * not have it at hand.
 */
#include "postgres.h"

#include "access/relation.h"
#include "orient/unfilled.h"
#include "utils/rel.h"

/* See the header. */
bool
unfilled_left_out(const Scene *scene, const char *column)
{
	bool		inserts = false;
	ListCell   *lc;

	foreach(lc, scene->written->writes)
	{
		Write	   *write = lfirst(lc);
		ListCell   *name;

		inserts |= write->command == CMD_UTILITY;
		if (write->command == CMD_UTILITY && *write->columns == NIL)
			return false;
		foreach(name, write->command == CMD_UTILITY ? *write->columns : NIL)
		{
			if (strcmp(strVal(lfirst(name)), column) == 0)
				return false;
		}
	}
	foreach(lc, scene->cells)
	{
		Cell	   *cell = lfirst(lc);

		inserts |= cell->command == CMD_INSERT;
		if (!cell->isdefault && cells_column(cell) != NULL && strcmp(cells_column(cell), column) == 0)
			return false;
	}
	return inserts || (scene->analysed->query != NULL && scene->cells == NIL);
}

/* What the statement gives to a column: a null, something that is not known, or
 * neither. */
static void
look(const Scene *scene, Oid relid, const char *column, bool *null, bool *unknown)
{
	ListCell   *lc;

	*null = false;
	*unknown = false;
	foreach(lc, scene->cells)
	{
		Cell	   *cell = lfirst(lc);

		if (cell->behind->relid != relid || cell->isdefault || cells_column(cell) == NULL ||
			strcmp(cells_column(cell), column) != 0)
			continue;
		*null |= cell->known && cell->isnull;
		*unknown |= !cell->known;
	}
}

/* The columns of one table; unknown: those of which nothing is known. */
static void
of_table(Scene *scene, Oid relid, bool unknown)
{
	Relation	rel = relation_open(relid, AccessShareLock);

	for (int i = 0; i < RelationGetNumberOfAttributes(rel); i++)
	{
		Form_pg_attribute att = TupleDescAttr(RelationGetDescr(rel), i);
		bool		null;
		bool		open;
		FitClass	class = FIT_NULL_VALUE;

		if (att->attisdropped || !att->attnotnull)
			continue;
		look(scene, relid, NameStr(att->attname), &null, &open);
		if (!null && !open && !att->atthasdef && att->attidentity == '\0' &&
			unfilled_left_out(scene, NameStr(att->attname)))
		{
			null = true;
			class = FIT_MISSING_KEY;
		}
		if (unknown ? open : null)
			suspects_add(&scene->suspects, relid, class, NameStr(att->attname), NULL, NULL, NULL);
	}
	relation_close(rel, NoLock);
}

/* See the header. */
void
unfilled_find(Scene *scene)
{
	for (int turn = 0; turn < 2 && scene->suspects == NIL; turn++)
	{
		ListCell   *lc;

		foreach(lc, scene->written->writes)
		{
			Behind	   *behind = behind_name(((Write *) lfirst(lc))->relid);

			if (OidIsValid(behind->relid))
				of_table(scene, behind->relid, turn == 1);
		}
	}
}
