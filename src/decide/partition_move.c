/*
 * partition_move.c
 *	  Rows that move out of the default partition into a new one.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "base/spi.h"
#include "catalog/partition.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "decide/partition_move.h"
#include "decide/plan.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/* Whoever would notice that a row of the default partition is deleted. */
static char *
who_notices(Oid parent, Oid last_resort)
{
	MemoryContext cxt = CurrentMemoryContext;
	char	   *who = NULL;
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, last_resort);
	spi_arg_relid(&args, parent);
	if (spi_exec("WITH below AS (SELECT $1 AS relid UNION SELECT relid FROM pg_partition_tree($1)),"
				 " tree AS (SELECT relid FROM below UNION SELECT $2 UNION SELECT relid FROM pg_partition_ancestors($2))"
				 " SELECT format('trigger %I', tgname) FROM pg_trigger JOIN below ON tgrelid = relid"
				 "  WHERE NOT tgisinternal AND tgtype & 8 <> 0 AND tgenabled <> 'D'"
				 " UNION ALL SELECT format('rule %I', rulename) FROM pg_rewrite JOIN below ON ev_class = relid"
				 " UNION ALL SELECT format('foreign key %I of %s', conname, conrelid::regclass) FROM pg_constraint"
				 "  JOIN tree ON confrelid = relid WHERE contype = 'f'"
				 " UNION ALL SELECT format('foreign table %s', oid::regclass) FROM pg_class JOIN below ON oid = relid WHERE relkind = 'f'"
				 " ORDER BY 1 LIMIT 1", &args) > 0)
		who = spi_get_text(0, 1, cxt);
	spi_close(&saved);
	return who;
}

/* See the header. */
bool
partition_move_check(Oid parent, char **reason)
{
	Oid			last_resort = get_default_partition_oid(parent);
	char	   *who = OidIsValid(last_resort) ? who_notices(parent, last_resort) : NULL;

	if (who == NULL)
		return true;
	return plan_refuse(reason, "rows of the default partition %s cannot be moved unnoticed: %s; a person moves them",
					   plan_relation_name(last_resort), who);
}

/* See the header. Columns by name: the two may have them in another order;
 * what is computed is computed again. */
char *
partition_move_sql(Oid last_resort, const char *from, const char *to, const char *condition)
{
	StringInfoData columns;

	initStringInfo(&columns);
	for (AttrNumber attnum = 1;; attnum++)
	{
		HeapTuple	tup = SearchSysCache2(ATTNUM, ObjectIdGetDatum(last_resort),
										  Int16GetDatum(attnum));
		Form_pg_attribute att;

		if (!HeapTupleIsValid(tup))
			break;
		att = (Form_pg_attribute) GETSTRUCT(tup);
		if (!att->attisdropped && att->attgenerated == '\0')
			appendStringInfo(&columns, "%s%s", columns.len ? ", " : "",
							 quote_identifier(NameStr(att->attname)));
		ReleaseSysCache(tup);
	}
	return psprintf("WITH moved AS (DELETE FROM %s WHERE %s RETURNING %s) INSERT INTO %s (%s) SELECT * FROM moved",
					from, condition, columns.data, to, columns.data);
}
