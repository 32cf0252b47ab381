/*
 * getaddrinfo.c
 *	  A name service that can be out of order: preloaded into a test's server.
 *
 * x.dead.test is looked up for 20 seconds in vain, x.slow.test for 2.5 seconds
 * and is then 127.0.0.1, x.none.test does not exist; all others as ever.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

typedef int (*lookup) (const char *, const char *, const struct addrinfo *,
					   struct addrinfo **);

static int
ends(const char *name, const char *end)
{
	size_t		n = strlen(name);
	size_t		e = strlen(end);

	return n >= e && strcmp(name + n - e, end) == 0;
}

int
getaddrinfo(const char *name, const char *service,
			const struct addrinfo *hints, struct addrinfo **result)
{
	lookup		real = (lookup) dlsym(RTLD_NEXT, "getaddrinfo");

	if (name && ends(name, ".dead.test"))
	{
		sleep(20);
		return EAI_AGAIN;
	}
	if (name && ends(name, ".none.test"))
		return EAI_NONAME;
	if (name && ends(name, ".slow.test"))
	{
		usleep(2500000);
		name = "127.0.0.1";
	}
	return real(name, service, hints, result);
}
