/*
 * bindtest.c
 *	  What drivers send and psql does not: Parse with types, Bind with values
 *	  in text or binary, several of them in a pipeline.
 *
 *	  bindtest CONNINFO <script
 *
 * A line of the script is a command and its words, with a tab between:
 *
 *	  simple SQL			a simple query
 *	  params SQL P...		Parse, Bind, Execute of the unnamed statement
 *	  prepare NAME TYPES SQL	Parse; TYPES: OIDs with commas, or -
 *	  execute NAME P...		Bind, Execute
 *	  pipeline, sync, end	pipeline mode
 *
 * A parameter is TYPE:FORMAT:VALUE. TYPE is an OID (0: the server finds it);
 * execute does not look at it. FORMAT is t (text), b (binary: numbers of the
 * types 20, 21 and 23 and days of 1082 in network order, else the bytes), x
 * (hexadecimal digits, sent in binary); "~" alone is a null. "\n" is a newline.
 *
 * Each result is a line: "ok" and the number of rows, a SQLSTATE, or "aborted"
 * of a command behind a failed one in a pipeline.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>

#define WORDS 64
#define LINE 65536

typedef struct Params
{
	int			n;
	Oid			types[WORDS];
	const char *values[WORDS];
	int			lengths[WORDS];
	int			formats[WORDS];
} Params;

static PGconn *conn;
static int	pipeline = 0;
static int	expected = 0;

static void
give_up(const char *why)
{
	fprintf(stderr, "bindtest: %s: %s", why, PQerrorMessage(conn));
	exit(2);
}

/* ---- parameters ---- */

/* A number in network order. */
static char *
number(const char *text, int bytes, int *length)
{
	char	   *out = malloc(bytes);
	int64_t		value = strtoll(text, NULL, 10);

	for (int i = 0; i < bytes; i++)
		out[i] = (char) ((value >> (8 * (bytes - 1 - i))) & 0xff);
	*length = bytes;
	return out;
}

static char *
digits(const char *text, int *length)
{
	char	   *out = malloc(strlen(text) / 2 + 1);

	for (*length = 0; text[0] && text[1]; text += 2)
	{
		char		pair[3] = {text[0], text[1], '\0'};

		out[(*length)++] = (char) strtol(pair, NULL, 16);
	}
	return out;
}

static void
add(Params *p, char *word)
{
	char	   *format = strchr(word, ':');
	char	   *value;
	int			i = p->n++;

	p->types[i] = 0;
	p->values[i] = NULL;
	p->lengths[i] = 0;
	p->formats[i] = 0;
	if (format == NULL)
		return;
	value = format + 3;
	p->types[i] = (Oid) strtoul(word, NULL, 10);
	p->formats[i] = format[1] != 't';
	p->lengths[i] = (int) strlen(value);
	p->values[i] = value;
	if (format[1] == 'x')
		p->values[i] = digits(value, &p->lengths[i]);
	else if (format[1] == 'b' && (p->types[i] == 23 || p->types[i] == 1082))
		p->values[i] = number(value, 4, &p->lengths[i]);
	else if (format[1] == 'b' && p->types[i] == 20)
		p->values[i] = number(value, 8, &p->lengths[i]);
	else if (format[1] == 'b' && p->types[i] == 21)
		p->values[i] = number(value, 2, &p->lengths[i]);
}

/* ---- results ---- */

static void
say(PGresult *res)
{
	switch (PQresultStatus(res))
	{
		case PGRES_TUPLES_OK:
			printf("ok %d\n", PQntuples(res));
			break;
		case PGRES_COMMAND_OK:
			printf("ok %s\n", *PQcmdTuples(res) ? PQcmdTuples(res) : "0");
			break;
		case PGRES_PIPELINE_ABORTED:
			printf("aborted\n");
			break;
		default:
			printf("%s\n", PQresultErrorField(res, PG_DIAG_SQLSTATE));
			break;
	}
	PQclear(res);
}

/* All that a pipeline has sent. */
static void
drain(void)
{
	while (expected > 0)
	{
		PGresult   *res = PQgetResult(conn);

		if (res == NULL)
			continue;
		expected--;
		if (PQresultStatus(res) == PGRES_PIPELINE_SYNC)
			PQclear(res);
		else
			say(res);
	}
}

static void
sent(int ok)
{
	PGresult   *res;

	if (!ok)
		give_up("could not send");
	if (pipeline)
	{
		expected++;
		return;
	}
	while ((res = PQgetResult(conn)) != NULL)
		say(res);
}

/* ---- commands ---- */

static void
command(char **words, int n)
{
	Params		p = {0};
	int			first = strcmp(words[0], "prepare") == 0 ? n : 2;

	for (int i = first; i < n; i++)
		add(&p, words[i]);
	if (strcmp(words[0], "simple") == 0 && n == 2)
		sent(PQsendQuery(conn, words[1]));
	else if (strcmp(words[0], "params") == 0 && n >= 2)
		sent(PQsendQueryParams(conn, words[1], p.n, p.types, p.values, p.lengths, p.formats, 0));
	else if (strcmp(words[0], "prepare") == 0 && n == 4)
	{
		for (char *s = strtok(words[2], ","); s != NULL && *s != '-'; s = strtok(NULL, ","))
			p.types[p.n++] = (Oid) strtoul(s, NULL, 10);
		sent(PQsendPrepare(conn, words[1], words[3], p.n, p.types));
	}
	else if (strcmp(words[0], "execute") == 0 && n >= 2)
		sent(PQsendQueryPrepared(conn, words[1], p.n, p.values, p.lengths, p.formats, 0));
	else if (strcmp(words[0], "pipeline") == 0)
		pipeline = PQenterPipelineMode(conn);
	else if (strcmp(words[0], "sync") == 0 || strcmp(words[0], "end") == 0)
	{
		sent(PQpipelineSync(conn));
		drain();
		if (words[0][0] == 'e')
			pipeline = !PQexitPipelineMode(conn);
	}
	else
		give_up(words[0]);
}

int
main(int argc, char **argv)
{
	static char line[LINE];

	if (argc != 2)
		return 2;
	conn = PQconnectdb(argv[1]);
	if (PQstatus(conn) != CONNECTION_OK)
		give_up("could not connect");
	while (fgets(line, sizeof(line), stdin) != NULL)
	{
		char	   *words[WORDS];
		int			n = 0;

		line[strcspn(line, "\n")] = '\0';
		for (char *s = strstr(line, "\\n"); s != NULL; s = strstr(s, "\\n"))
		{
			*s = '\n';
			memmove(s + 1, s + 2, strlen(s + 2) + 1);
		}
		for (char *s = strtok(line, "\t"); s != NULL && n < WORDS; s = strtok(NULL, "\t"))
			words[n++] = s;
		if (n > 0)
			command(words, n);
	}
	PQfinish(conn);
	return 0;
}
