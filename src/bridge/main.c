/*
 * main.c
 *	  selfheal-mcp: the tools of a PostgreSQL database for clients that speak
 *	  MCP over stdio.
 *
 * The protocol is the database's, in selfheal.mcp(); here are its lines.
 */
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bridge/pump.h"

#include "libpq-fe.h"

#define READ_ONLY_OPTION 1000

static void
usage(void)
{
	printf("selfheal-mcp gives clients of the Model Context Protocol the tools of selfheal\n"
		   "in a PostgreSQL database. It speaks on stdin and stdout, a message a line.\n"
		   "\n"
		   "Usage:\n"
		   "  selfheal-mcp [OPTION]... [DATABASE or CONNECTION STRING]\n"
		   "\n"
		   "Options:\n"
		   "  -d, --dbname=DATABASE   database, or a connection string or URI\n"
		   "  -h, --host=HOST         the server's host or the directory of its socket\n"
		   "  -p, --port=PORT         the server's port\n"
		   "  -U, --username=NAME     role: what it may do, the client may\n"
		   "      --read-only         offer only tools that read\n"
		   "  -V, --version           show the version and end\n"
		   "  -?, --help              show this and end\n"
		   "\n"
		   "What is not given comes from PGHOST, PGPORT, PGUSER, PGDATABASE, PGSERVICE and\n"
		   "the like, a password from ~/.pgpass or PGPASSWORD: it is never asked for.\n");
}

static int
bad_usage(void)
{
	fputs("Try \"selfheal-mcp --help\" for more information.\n", stderr);
	return 1;
}

/* A connection string with a word that libpq does not know is told at once:
 * no server that comes up later makes it right. */
static bool
is_sound(const char *dbname)
{
	PQconninfoOption *options;
	char	   *error = NULL;

	if (dbname == NULL ||
		(strchr(dbname, '=') == NULL && strncmp(dbname, "postgresql://", 13) != 0 &&
		 strncmp(dbname, "postgres://", 11) != 0))
		return true;
	options = PQconninfoParse(dbname, &error);
	if (options == NULL)
	{
		fprintf(stderr, "selfheal-mcp: %s", error != NULL ? error : "out of memory\n");
		PQfreemem(error);
		return false;
	}
	PQconninfoFree(options);
	return true;
}

/*
 * A descriptor that we were given closed would be that of the next thing that is
 * opened: protocol and log would go into the connection, or the connection be
 * read as stdin. What is closed is the end for stdin, and nothing for stderr;
 * without a stdout there is nobody to answer. False: that.
 */
static bool
have_descriptors(void)
{
	bool		answers = fcntl(STDOUT_FILENO, F_GETFD) != -1;
	int			fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
	return answers && fd >= 0;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{"dbname", required_argument, NULL, 'd'},
		{"host", required_argument, NULL, 'h'},
		{"port", required_argument, NULL, 'p'},
		{"username", required_argument, NULL, 'U'},
		{"read-only", no_argument, NULL, READ_ONLY_OPTION},
		{"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, '?'},
		{NULL, 0, NULL, 0}
	};

	/* in psql's order: what stands in a connection string is the last word */
	const char *keywords[] = {"host", "port", "user", "dbname",
	"fallback_application_name", "client_encoding", "connect_timeout", NULL};

	/*
	 * The seconds are for what libpq waits for itself, asking whether a
	 * server is starting: our own loop has its own patience.
	 */
	const char *values[] = {NULL, NULL, NULL, NULL, "selfheal-mcp", "UTF8", "2", NULL};
	bool		read_only = false;
	int			c;

	if (!have_descriptors())
	{
		fputs("selfheal-mcp: stdout is closed, or /dev/null could not be opened\n", stderr);
		return 1;
	}

	/* "-?" is help when it was typed, and else what getopt says of errors */
	if (argc > 1 && (strcmp(argv[1], "-?") == 0 || strcmp(argv[1], "--help") == 0))
	{
		usage();
		return 0;
	}
	while ((c = getopt_long(argc, argv, "d:h:p:U:V", options, NULL)) != -1)
	{
		switch (c)
		{
			case 'h':
				values[0] = optarg;
				break;
			case 'p':
				values[1] = optarg;
				break;
			case 'U':
				values[2] = optarg;
				break;
			case 'd':
				values[3] = optarg;
				break;
			case READ_ONLY_OPTION:
				read_only = true;
				break;
			case 'V':
				puts("selfheal-mcp " SELFHEAL_VERSION);
				return 0;
			default:
				return bad_usage();
		}
	}
	if (optind < argc && values[3] == NULL)
		values[3] = argv[optind++];
	if (optind < argc)
	{
		fprintf(stderr, "selfheal-mcp: one argument too many: \"%s\"\n", argv[optind]);
		return bad_usage();
	}
	if (!is_sound(values[3]))
		return bad_usage();

	/* a key that has a passphrase is not to ask for it on the terminal */
	PQsetSSLKeyPassHook_OpenSSL(PQdefaultSSLKeyPassHook_OpenSSL);
	pump_run(keywords, values, read_only);
	return 0;
}
