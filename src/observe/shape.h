/*
 * shape.h
 *	  Reading a table's shape, as snapshot.h describes it.
 *
 * Shapes may be stored ones, of tables and types that are gone, or what a
 * person has written down: what is not there, or is not what it should be,
 * counts as nothing. Everything is read into the current context.
 */
#ifndef SELFHEAL_SHAPE_H
#define SELFHEAL_SHAPE_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/jsonb.h"

/* One element of a list of a shape. */
typedef struct ShapeItem
{
	char	   *name;
	JsonbContainer *object;
	bool		paired;
	char	   *words;			/* where they are wanted more than once */
} ShapeItem;

/* A member that is an object or a list, a text, or true; NULL, false when it is
 * none. */
extern JsonbContainer *shape_container(JsonbContainer *object, const char *key);
extern char *shape_string(JsonbContainer *object, const char *key);
extern bool shape_flag(JsonbContainer *object, const char *key);

/* A text, "" for none: for comparing. */
extern const char *shape_word(JsonbContainer *object, const char *key);

/* A number, 0 for none. */
extern int64 shape_count(JsonbContainer *object, const char *key);

/* The objects of a list that have a name (ShapeItem *), in its order, or in
 * that of their names. */
extern List *shape_items(JsonbContainer *shape, const char *key);
extern List *shape_items_sorted(JsonbContainer *shape, const char *key);

/* Are both there, and of the same content? */
extern bool shape_same(JsonbContainer *a, JsonbContainer *b);

#endif							/* SELFHEAL_SHAPE_H */
