/*
 * buffer.c
 *	  Bytes that grow, and JSON that is written into them.
 */
#include "bridge/buffer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/json.h"
#include "bridge/limits.h"

void
out_of_memory(void)
{
	fputs("selfheal-mcp: out of memory\n", stderr);
	exit(1);
}

void *
must_alloc(size_t size)
{
	void	   *memory = malloc(size);

	if (memory == NULL)
		out_of_memory();
	return memory;
}

char *
must_copy(const char *bytes, size_t len)
{
	char	   *copy = must_alloc(len + 1);

	memcpy(copy, bytes, len);
	copy[len] = '\0';
	return copy;
}

void
buffer_init(Buffer *buffer)
{
	buffer->room = 256;
	buffer->data = must_alloc(buffer->room);
	buffer->len = 0;
	buffer->data[0] = '\0';
}

void
buffer_free(Buffer *buffer)
{
	free(buffer->data);
	buffer->data = NULL;
	buffer->len = buffer->room = 0;
}

void
buffer_reset(Buffer *buffer)
{
	if (buffer->room > BUFFER_KEPT)
	{
		buffer_free(buffer);
		buffer_init(buffer);
	}
	buffer->len = 0;
	buffer->data[0] = '\0';
}

void
buffer_append(Buffer *buffer, const char *bytes, size_t len)
{
	if (buffer->len + len + 1 > buffer->room)
	{
		size_t		room = buffer->room;
		char	   *data;

		while (buffer->len + len + 1 > room)
			room *= 2;
		data = must_alloc(room);
		memcpy(data, buffer->data, buffer->len);
		free(buffer->data);
		buffer->data = data;
		buffer->room = room;
	}
	memcpy(buffer->data + buffer->len, bytes, len);
	buffer->len += len;
	buffer->data[buffer->len] = '\0';
}

void
buffer_add(Buffer *buffer, const char *string)
{
	buffer_append(buffer, string, strlen(string));
}

void
buffer_take(Buffer *buffer, size_t len)
{
	memmove(buffer->data, buffer->data + len, buffer->len - len);
	buffer->len -= len;
	if (buffer->len == 0)
		buffer_reset(buffer);
	buffer->data[buffer->len] = '\0';
}

void
buffer_add_json(Buffer *buffer, const char *text)
{
	size_t		left = strlen(text);
	size_t		told = 0;

	buffer_add(buffer, "\"");
	while (left > 0)
	{
		size_t		bytes = json_utf8(text, left);
		unsigned char c = (unsigned char) *text;

		if (told > TEXT_LIMIT)
		{
			buffer_add(buffer, "...");
			break;
		}
		if (bytes == 0)
		{
			buffer_add(buffer, "?");
			bytes = 1;
		}
		else if (c == '"' || c == '\\')
		{
			buffer_append(buffer, "\\", 1);
			buffer_append(buffer, text, 1);
		}
		else if (c < 0x20 || c == 0x7f)
			buffer_append(buffer, " ", 1);
		else
			buffer_append(buffer, text, bytes);
		text += bytes;
		left -= bytes;
		told += bytes;
	}
	buffer_add(buffer, "\"");
}
