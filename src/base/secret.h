/*
 * secret.h
 *	  The key for the API: from a file of the server's user, or from the
 *	  environment the server was started with.
 *
 * It is read for each request and overwritten after it. It is in no setting,
 * log line, row or message; what is wrong with it is said without it.
 */
#ifndef SELFHEAL_SECRET_H
#define SELFHEAL_SECRET_H

#include "postgres.h"

/* Longest key. */
#define SECRET_BYTES 4096

typedef struct Secret
{
	char		bytes[SECRET_BYTES + 1];	/* NUL behind it; "" when there is
											 * none */
} Secret;

/* Is a key configured at all: named, or in the environment? Reads no file. */
extern bool secret_configured(void);

/*
 * Read the key. False when there is none that may be used; *why is half a
 * sentence for people then (a literal, or in the current context). A file that
 * others than its owner can read, or that belongs neither to the server's user
 * nor to root, is not used; nor is one that is no ordinary file.
 */
extern bool secret_read(Secret *secret, const char **why);

extern void secret_forget(Secret *secret);

#endif							/* SELFHEAL_SECRET_H */
