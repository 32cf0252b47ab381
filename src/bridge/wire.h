/*
 * wire.h
 *	  stdin and stdout: whole lines in, whole lines out, never waiting.
 */
#ifndef SELFHEAL_BRIDGE_WIRE_H
#define SELFHEAL_BRIDGE_WIRE_H

#include <stdbool.h>
#include <stddef.h>

/* A line without its newline; NULL for one that was longer than LINE_LIMIT. */
typedef void (*WireTake) (const char *line, size_t len);

extern void wire_init(WireTake take);

/*
 * Read once, from a stdin that poll() found readable, and hand each line over
 * that is whole now. False at the end, after what stood before it without a
 * newline.
 */
extern bool wire_read(void);

/* A line for stdout, its newline is put behind it. */
extern void wire_give(const char *line, size_t len);

/* Bytes that wait to go out. */
extern size_t wire_waiting(void);

/* Write once to a stdout that poll() found writable. False when nobody reads. */
extern bool wire_write(void);

extern void wire_end(void);

#endif
