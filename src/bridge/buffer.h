/*
 * buffer.h
 *	  Bytes that grow, and JSON that is written into them.
 *
 * Out of memory ends the program: a bridge that has lost a line can not go on.
 */
#ifndef SELFHEAL_BRIDGE_BUFFER_H
#define SELFHEAL_BRIDGE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

typedef struct Buffer
{
	char	   *data;			/* always ends in a zero byte beyond len */
	size_t		len;
	size_t		room;
} Buffer;

/* Memory or the end of the program. */
extern void out_of_memory(void) __attribute__((noreturn));
extern void *must_alloc(size_t size);
extern char *must_copy(const char *bytes, size_t len);

extern void buffer_init(Buffer *buffer);
extern void buffer_free(Buffer *buffer);

/* Empty; gives back what is far more than a line needs. */
extern void buffer_reset(Buffer *buffer);

extern void buffer_append(Buffer *buffer, const char *bytes, size_t len);
extern void buffer_add(Buffer *buffer, const char *string);

/* Take away what stands first. */
extern void buffer_take(Buffer *buffer, size_t len);

/*
 * A JSON string with its quotes, of a text that may hold anything: what is no
 * UTF-8 becomes "?", and what is longer than some lines is cut.
 */
extern void buffer_add_json(Buffer *buffer, const char *text);

#endif
