/*
 * target.c
 *	  What may be written: kinds of tables, and columns by privilege.
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "observe/misfits.h"
#include "observe/target.h"
#include "utils/acl.h"

/* See the header. */
void
target_check(Relation rel)
{
	char		kind = rel->rd_rel->relkind;

	if (kind == RELKIND_RELATION || kind == RELKIND_PARTITIONED_TABLE ||
		kind == RELKIND_FOREIGN_TABLE)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_WRONG_OBJECT_TYPE),
			 errmsg("cannot load payloads into \"%s\"", RelationGetRelationName(rel)),
			 errdetail("It is not a table."),
			 errhint("Watch an ordinary, a partitioned or a foreign table.")));
}

/* See the header. */
void
target_privileges(Relation rel, const Shape *shape, bool *denied)
{
	Oid			relid = RelationGetRelid(rel);
	bool		all = pg_class_aclcheck(relid, GetUserId(), ACL_INSERT) == ACLCHECK_OK;
	bool		any = all;

	for (int i = 0; i < shape->ncols; i++)
	{
		denied[i] = !all &&
			pg_attribute_aclcheck(relid, shape->cols[i].attnum, GetUserId(),
								  ACL_INSERT) != ACLCHECK_OK;
		any |= !denied[i];
	}
	if (!any)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, RelationGetRelationName(rel));
}

/* See the header. */
bool
target_sends_denied(const Shape *shape, const bool *denied, const FitRow *fit,
					StoreRow *row, MemoryContext cxt)
{
	for (int i = 0; i < shape->ncols; i++)
		if (denied[i] && fit->cells[i].state != CELL_ABSENT)
		{
			char	   *column = NameStr(shape->cols[i].name);

			misfits_keep_reason(cxt, row, FIT_PERMISSION,
								ERRCODE_INSUFFICIENT_PRIVILEGE, column,
								psprintf("permission denied for column \"%s\"", column));
			return true;
		}
	return false;
}
