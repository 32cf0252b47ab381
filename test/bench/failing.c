/*
 * failing.c
 *	  INSERTs that fail, as many as a session gets through: by a driver's way,
 *	  one after the other, each with its error.
 *
 *	  failing CONNINFO SECONDS same|distinct
 *
 * Prints how many a second. same: one statement over and over; distinct: each
 * with values of its own.
 */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

int
main(int argc, char **argv)
{
	PGconn	   *conn;
	double		start;
	double		seconds;
	long		n = 0;
	int			distinct;

	if (argc != 4)
		return 2;
	seconds = atof(argv[2]);
	distinct = strcmp(argv[3], "distinct") == 0;
	conn = PQconnectdb(argv[1]);
	if (PQstatus(conn) != CONNECTION_OK)
	{
		fprintf(stderr, "%s", PQerrorMessage(conn));
		return 1;
	}
	start = now();
	while (now() - start < seconds)
	{
		char		sql[200];
		PGresult   *result;
		const char *state;

		n++;
		snprintf(sql, sizeof(sql),
				 "INSERT INTO failing (id, name, note) VALUES (%ld, 'a name that is too long %ld', 'a note')",
				 distinct ? n : 0, distinct ? n : 0);
		result = PQexec(conn, sql);
		state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
		if (state == NULL || strcmp(state, "22001") != 0)
		{
			fprintf(stderr, "it did not fail as it should: %s\n", state ? state : "no error");
			return 1;
		}
		PQclear(result);
	}
	printf("%.1f\n", n / (now() - start));
	PQfinish(conn);
	return 0;
}
