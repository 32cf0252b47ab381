/*
 * scanner.c
 *	  Scans each line of a file with the JSON scanner, and nothing else: to be
 *	  run under callgrind, whose counts do not depend on the machine's mood.
 *
 * Prints how many lines and bytes there were, and how many fields they had.
 */
#include "postgres.h"

#include <stdio.h>

#include "read/json.h"
#include "../fuzz/stubs.h"

#undef printf

/* The whole file; its length in *len. */
static char *
read_file(const char *name, size_t *len)
{
	FILE	   *file = fopen(name, "rb");
	char	   *bytes;
	long		size;

	if (file == NULL || fseek(file, 0, SEEK_END) != 0 || (size = ftell(file)) < 0)
	{
		perror(name);
		exit(1);
	}
	rewind(file);
	bytes = malloc(size + 1);
	if (bytes == NULL || fread(bytes, 1, size, file) != (size_t) size)
	{
		perror(name);
		exit(1);
	}
	fclose(file);
	*len = size;
	return bytes;
}

int
main(int argc, char **argv)
{
	JsonScanner *scanner = json_scanner(NULL);
	size_t		len;
	char	   *bytes;
	char	   *end;
	long		lines = 0;
	long		fields = 0;

	if (argc != 2)
	{
		fprintf(stderr, "usage: %s FILE\n", argv[0]);
		return 1;
	}
	bytes = read_file(argv[1], &len);
	end = bytes + len;
	for (char *line = bytes; line < end;)
	{
		char	   *lf = memchr(line, '\n', end - line);
		const JsonDoc *doc = json_scan(scanner, line, (lf ? lf : end) - line);

		if (doc->fault != JSON_FINE)
		{
			fprintf(stderr, "line %ld: %s\n", lines + 1, json_fault_text(doc->fault));
			return 1;
		}
		lines++;
		fields += doc->nfields;
		line = lf ? lf + 1 : end;
	}
	printf("%ld %zu %ld\n", lines, len, fields);
	return 0;
}
