/*
 * cancel.c
 *	  Stop what a connection runs, without waiting for it.
 */
#include "bridge/cancel.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "bridge/limits.h"
#include "bridge/log.h"

static void ask(PGconn *conn);

int
cancel_start(PGconn *conn)
{
	int			ends[2],
				fd;

	if (pipe(ends) != 0)
		return -1;
	switch (fork())
	{
		case -1:
			log_line("could not start a process to cancel the call");
			close(ends[0]);
			close(ends[1]);
			return -1;
		case 0:
			/* whoever waits for our output's end must not wait for this one */
			fd = open("/dev/null", O_RDWR);
			if (fd < 0)
				_exit(1);
			dup2(fd, STDIN_FILENO);
			dup2(fd, STDOUT_FILENO);
			dup2(fd, STDERR_FILENO);
			close(ends[0]);
			signal(SIGTERM, SIG_DFL);
			signal(SIGINT, SIG_IGN);
			signal(SIGHUP, SIG_IGN);
			signal(SIGALRM, SIG_DFL);
			alarm(CANCEL_PATIENCE / 1000);
			ask(conn);
			_exit(0);
		default:
			close(ends[1]);
			return ends[0];
	}
}

/* From 17 on the request goes the way the connection went, encrypted too. */
static void
ask(PGconn *conn)
{
#ifdef LIBPQ_HAS_ASYNC_CANCEL
	PGcancelConn *cancel = PQcancelCreate(conn);

	if (cancel != NULL)
		PQcancelBlocking(cancel);
#else
	PGcancel   *cancel = PQgetCancel(conn);
	char		error[256];

	if (cancel != NULL)
		PQcancel(cancel, error, sizeof(error));
#endif
}
