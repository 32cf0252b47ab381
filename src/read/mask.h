/*
 * mask.h
 *	  What a value looks like, without what it says.
 *
 *	  full		as it is
 *	  masked	a letter is a, or A where it is a capital; a digit is 9. Lengths,
 *				blanks, separators, signs, decimal points, escapes and the
 *				structure of JSON stay, keys too, and null; a boolean is true,
 *				whichever it is.
 *	  none		"string of 12 characters", "number of 4 characters", "boolean"
 *
 * Everything that is not known to be a blank or a sign counts as a letter, in
 * every script; where the server's encoding does not tell capitals, or letters
 * at all, all is a.
 *
 * Keys are metadata and stay, unless they look like data: longer than a name
 * can be, with an @, with more digits than letters or six in a row; or, when
 * the payloads have more than MASK_KEYS different ones that are not known, all
 * that are not known. Such keys are masked as values are.
 *
 * Nothing here throws for what a text holds. Results are in the current
 * context.
 */
#ifndef SELFHEAL_MASK_H
#define SELFHEAL_MASK_H

#include "postgres.h"

#include "base/guc.h"
#include "lib/stringinfo.h"
#include "read/masknames.h"

/* Characters of one value that are shown, masked or not. */
#define MASK_VALUE_CHARS 120

/* Count the keys of a payload. Whatever is masked later by these names is
 * masked in their light. */
extern void mask_note_keys(MaskNames *names, const char *payload, int len);

/* Does a key, or the name of an incident's column, look like a value? */
extern bool mask_looks_like_data(const char *key, int len);

/* One key, by the rule above; full: as it is. */
extern char *mask_key(ShareValues share, const MaskNames *names, const char *key);

/*
 * A payload, at most max_bytes of it and then "... (n bytes in all)". What is
 * no JSON is masked whole; of its keys only known names stay. Bytes that are no
 * text in the server's encoding are \x.. when full, else \xhh; JSON of such is
 * none. Blanks at the end are left out.
 */
extern char *mask_payload(ShareValues share, const MaskNames *names,
						  const char *payload, int len, int max_bytes);

/* The same for payloads that differ only in the lengths of words and numbers:
 * to tell shapes apart, not to be read. */
extern char *mask_shape(const MaskNames *names, const char *payload, int len);

/* Append the mask of a text: for messages (phrase.h). */
extern void mask_append(StringInfo buf, const char *text, int len);

#endif							/* SELFHEAL_MASK_H */
