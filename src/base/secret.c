/*
 * secret.c
 *	  The key for the API.
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/guc_claude.h"
#include "base/secret.h"

#define ENVIRONMENT "ANTHROPIC_API_KEY"

bool
secret_configured(void)
{
	const char *value = getenv(ENVIRONMENT);

	return guc_api_key_file[0] != '\0' || (value != NULL && value[0] != '\0');
}

void
secret_forget(Secret *secret)
{
	explicit_bzero(secret, sizeof(*secret));
}

/* May this file's content be a secret? */
static bool
is_private(int fd, const char **why)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		*why = psprintf("could not look at the file of selfheal.api_key_file: %m");
	else if (!S_ISREG(st.st_mode))
		*why = "the file of selfheal.api_key_file is no ordinary file";
	else if (st.st_uid != geteuid() && st.st_uid != 0)
		*why = "the file of selfheal.api_key_file belongs to another user of the system";
	else if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		*why = "the file of selfheal.api_key_file can be read by others: its mode must be 0600 or 0400";
	else
		return true;
	return false;
}

/* The blanks and line ends around it are no part of a key; what could not
 * stand in a header is none. */
static bool
trim(Secret *secret, int len, const char **why)
{
	char	   *s = secret->bytes;
	int			from = 0;

	while (len > 0 && isspace((unsigned char) s[len - 1]))
		len--;
	while (from < len && isspace((unsigned char) s[from]))
		from++;
	memmove(s, s + from, len - from);
	len -= from;
	explicit_bzero(s + len, SECRET_BYTES + 1 - len);
	if (len == 0)
	{
		*why = "the key is empty";
		return false;
	}
	for (int i = 0; i < len; i++)
	{
		if (s[i] <= ' ' || s[i] > '~')
		{
			secret_forget(secret);
			*why = "the key has blanks, line ends or other than ASCII characters in it";
			return false;
		}
	}
	return true;
}

static bool
from_file(Secret *secret, const char **why)
{
	int			fd = open(guc_api_key_file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	ssize_t		len;

	if (fd < 0)
	{
		*why = psprintf("could not open the file of selfheal.api_key_file: %m");
		return false;
	}
	if (!is_private(fd, why))
	{
		close(fd);
		return false;
	}
	len = read(fd, secret->bytes, SECRET_BYTES + 1);
	if (len < 0)
		*why = psprintf("could not read the file of selfheal.api_key_file: %m");
	else if (len > SECRET_BYTES)
		*why = "the file of selfheal.api_key_file is too long for a key";
	close(fd);
	if (len < 0 || len > SECRET_BYTES)
	{
		secret_forget(secret);
		return false;
	}
	return trim(secret, (int) len, why);
}

bool
secret_read(Secret *secret, const char **why)
{
	const char *value;

	memset(secret, 0, sizeof(*secret));
	*why = NULL;
	if (guc_api_key_file[0] != '\0')
		return from_file(secret, why);
	value = getenv(ENVIRONMENT);
	if (value == NULL || value[0] == '\0')
	{
		*why = "there is no key: selfheal.api_key_file is not set, and " ENVIRONMENT " is not in the server's environment";
		return false;
	}
	if (strlen(value) > SECRET_BYTES)
	{
		*why = "the value of " ENVIRONMENT " is too long for a key";
		return false;
	}
	strlcpy(secret->bytes, value, sizeof(secret->bytes));
	return trim(secret, (int) strlen(secret->bytes), why);
}
