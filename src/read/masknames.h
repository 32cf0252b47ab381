/*
 * masknames.h
 *	  Names that are metadata, and the other keys that payloads have: by them a
 *	  mask (mask.h) knows what to show.
 */
#ifndef SELFHEAL_MASKNAMES_H
#define SELFHEAL_MASKNAMES_H

#include "postgres.h"

/* Different keys of payloads that are no known names and are shown. */
#define MASK_KEYS 100

typedef struct MaskNames MaskNames;

/* None yet; in cxt. */
extern MaskNames *mask_names(MemoryContext cxt);

/* One more that is metadata; NULL, and what is too long for a name, is not. */
extern void mask_name(MaskNames *names, const char *name);
extern bool mask_is_name(const MaskNames *names, const char *name, int len);

/* A key that some payload has; said once or often. */
extern void mask_note_name(MaskNames *names, const char *key, int len);

/* Are there more than MASK_KEYS of those that are no known names? NULL has
 * none. */
extern bool mask_names_crowd(const MaskNames *names);

#endif							/* SELFHEAL_MASKNAMES_H */
