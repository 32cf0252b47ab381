/*
 * calls.h
 *	  Calls that wait for the database, and the answers to a batch.
 */
#ifndef SELFHEAL_BRIDGE_CALLS_H
#define SELFHEAL_BRIDGE_CALLS_H

#include "bridge/message.h"

/* The answers to one array, which go out as one when the last is there. */
typedef struct Batch
{
	Buffer		out;
	int			open;			/* calls that have not ended, and the reader */
} Batch;

/* A copy of a message, with its spans. */
typedef struct Call
{
	struct Call *next;
	Message		message;
	char	   *text;			/* the message's */
	Batch	   *batch;			/* or NULL */
	bool		dropped;		/* cancelled: nothing more is said */
	double		told;			/* the progress that was told last */
} Call;

extern Batch *batch_begin(void);

/* One of those that were open has ended; the last one sends what there is. */
extern void batch_end(Batch *batch);

/* An answer, to its batch or to stdout. Newlines in it become blanks. */
extern void calls_answer(Batch *batch, const char *text, size_t len);

/* The same, of an error; the id may be none. */
extern void calls_refuse(Batch *batch, Span id, int code, const char *text, const char *hint);

/* Put a message at the end of those that wait; false when it is one too many. */
extern bool calls_push(const Message *message, Batch *batch);

/* The first one, which stays, or is taken out; NULL when none waits. */
extern const Call *calls_first(void);
extern Call *calls_pop(void);

/* Forget the waiting ones that have this id. */
extern void calls_drop(Span id);

/* It has ended, and was answered when it wanted that. */
extern void call_end(Call *call);

#endif
