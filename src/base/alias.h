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

#include "base/fit.h"

/* Nothing was said of this key, or only that it is to have a column. */
#define ALIAS_UNKNOWN (-1)
#define ALIAS_HINTED (-3)

typedef struct AliasTable AliasTable;

/* Index of the column that takes this key's value, FIT_NOWHERE, ALIAS_HINTED
 * or ALIAS_UNKNOWN. */
extern int	alias_column(const Shape *shape, const char *key, int len);

/*
 * Another field than the one at this place that has a value for the same
 * column: that of the column's own key, else an earlier one whose key goes
 * there too. -1: none.
 */
extern int	alias_rival(const Shape *shape, const JsonDoc *doc, int at, int col);

#endif							/* SELFHEAL_ALIAS_H */
