/*
 * limits.h
 *	  How much the bridge takes, keeps, gives and waits for.
 */
#ifndef SELFHEAL_BRIDGE_LIMITS_H
#define SELFHEAL_BRIDGE_LIMITS_H

#define MEGABYTE (1024 * 1024)

/* A line that comes in: what is longer is read away and answered by an error. */
#define LINE_LIMIT (4 * MEGABYTE)

/* Objects and arrays within each other. */
#define DEPTH_LIMIT 64

/* An id, or the token of a progress, as it stands in the line. */
#define ID_LIMIT 1024

/* An answer that goes out; clients hang up at lines of 10 MB. */
#define ANSWER_LIMIT MEGABYTE

/* The messages of one batch, and their answers together. */
#define BATCH_LIMIT 100
#define BATCH_BYTES (4 * MEGABYTE)

/* Calls that wait, and their bytes. */
#define QUEUE_LIMIT 2048
#define QUEUE_BYTES (32 * MEGABYTE)

/* A client that does not read: beyond the first nothing is begun and nothing
 * is read any more, beyond the second no progress is told. */
#define OUT_LIMIT (4 * MEGABYTE)
#define OUT_PROGRESS (64 * 1024)

/* What a buffer keeps when it is emptied, and a text of ours in an answer. */
#define BUFFER_KEPT (64 * 1024)
#define TEXT_LIMIT 2000

/* Milliseconds: for one attempt to connect; for a call until there is a
 * server, and between attempts at least and at most; for what runs when
 * stdin ends; for a cancel to take effect before the connection is given
 * up. */
#define CONNECT_PATIENCE 10000
#define SERVER_PATIENCE 3000
#define PAUSE_LEAST 50
#define PAUSE_MOST 1000
#define END_PATIENCE 5000
#define CANCEL_PATIENCE 10000

#endif
