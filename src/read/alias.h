/*
 * alias.h
 *	  Keys of a payload that are no column and go elsewhere.
 *
 * Private to fit.c; fit_alias (fit.h) is how a shape learns of them. Only
 * keys without a column of their own are looked up here, so a table of which
 * the team has said nothing pays one comparison for each unknown key.
 */
#ifndef SELFHEAL_ALIAS_H
#define SELFHEAL_ALIAS_H

#include "postgres.h"

#include "read/fit.h"

/* Nothing was said of this key, or only that it is to have a column, or that
 * parts of its object go elsewhere. */
#define ALIAS_UNKNOWN (-1)
#define ALIAS_HINTED (-3)
#define ALIAS_PARTS (-4)

typedef struct AliasTable AliasTable;

/* Index of the column that takes this key's value, FIT_NOWHERE or one of the
 * above. *number (unless NULL) is what it was entered with, or -1. */
extern int	alias_column(const Shape *shape, const char *key, int len, int *number);

/*
 * The same for the field at this place of its document, whose key is no
 * column: keys mostly stand where they stood in the row before.
 */
extern int	alias_field(const Shape *shape, const JsonField *field, int at, int *number);

/* Was this key, which is no column, in this place before? False says nothing. */
extern bool alias_expected(const Shape *shape, const JsonField *field, int at);

/* Enter a key, in place of what was said of it before. */
extern void alias_enter(Shape *shape, const char *key, int len, int col, int number);

/*
 * Another field than the one at this place that has a value for the same
 * column: that of the column's own key, else an earlier one whose key goes
 * there too. -1: none.
 */
extern int	alias_rival(const Shape *shape, const JsonDoc *doc, int at, int col);

#endif							/* SELFHEAL_ALIAS_H */
