/*
 * memory.h
 *	  What the C library does with memory that a worker has freed.
 *
 * A heal takes rows by the batch, and what one batch frees the next one wants.
 * Left to itself the C library gives it to the system after each, which clears
 * it again page by page: a fifth of a heal's time. These calls are for
 * processes of our own; where the library is not GNU's they do nothing.
 */
#ifndef SELFHEAL_MEMORY_H
#define SELFHEAL_MEMORY_H

/* From here on keep what is freed, up to 64 MB, for this process. */
extern void memory_keep(void);

/* Give what is kept and not used to the system. */
extern void memory_give_back(void);

#endif							/* SELFHEAL_MEMORY_H */
