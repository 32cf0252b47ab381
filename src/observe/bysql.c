/*
 * bysql.c
 *	  Write formed rows by an INSERT of SQL, as the current user.
 *
 * Values travel in the columns' own types (tuples_register), so nothing is
 * cast: what the check of the fit has seen is what is assigned. The statement
 * is ours; its names are quoted.
 */
#include "postgres.h"

#include "base/spi.h"
#include "observe/bysql.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

/* INSERT INTO table (columns). */
static void
append_target(StringInfo sql, const BySql *by, Relation rel)
{
	appendStringInfo(sql, "INSERT INTO %s",
					 quote_qualified_identifier(get_namespace_name(RelationGetNamespace(rel)),
												RelationGetRelationName(rel)));
	for (int i = 0; i < by->ncolumns; i++)
		appendStringInfo(sql, "%s%s", i ? ", " : " (",
						 quote_identifier(NameStr(by->shape->cols[by->columns[i]].name)));
	if (by->ncolumns > 0)
		appendStringInfoChar(sql, ')');
}

/* See the header. */
void
bysql_insert(const BySql *by, Relation rel, const FormedRow *rows, int n)
{
	StringInfoData sql;
	int			rc;

	initStringInfo(&sql);
	append_target(&sql, by, rel);
	appendStringInfoString(&sql, " SELECT ");
	for (int i = 0; i < by->ncolumns; i++)
		appendStringInfo(&sql, "%sr.c%d", i ? ", " : "", i + 1);
	appendStringInfoString(&sql, " FROM " TUPLES_NAME " AS r");

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	tuples_register(rows, n, by->desc, by->shape, by->columns, by->ncolumns);
	rc = SPI_execute(sql.data, false, 0);
	/* a rule may turn the INSERT into something else: any success will do */
	if (rc < 0)
		elog(ERROR, "could not insert: %s", SPI_result_code_string(rc));
	SPI_finish();
}
