/*
 * partition_args.h
 *	  What a step attach_partition says.
 *
 * "args": {"parent": "public.orders", "schema": "public",
 *          "name": "orders_2026_12",
 *          "from": ["2026-12-01"], "to": ["2027-01-01"]}    by range, or
 *         {..., "values": ["ee", null]}                      by list
 *         {..., "move": true}       rows of it leave the default partition
 *         {..., "like": "public.orders_2026_11", "by": "HASH (id)",
 *          "parts": [{"name": "orders_2026_12_0", "modulus": 2, "remainder": 0},
 *                    ...]}          partitioned as that sibling is, with these:
 *                                   bounds as above, or {"default": true}
 *
 * parent is the table or a partition of it that is partitioned itself, quoted
 * as SQL has it. Bounds are texts as the key's type prints them, time in UTC;
 * a null in from and to is MINVALUE, and stands behind the first part of the
 * key alone. "column" is the key's first column, "" for an expression.
 */
#ifndef SELFHEAL_PARTITION_ARGS_H
#define SELFHEAL_PARTITION_ARGS_H

#include "postgres.h"

#include "decide/plan.h"

typedef struct NewPartition
{
	Oid			parent;
	char	   *schema;
	char	   *name;
	bool		by_list;
	List	   *from;			/* char *; NULL: MINVALUE */
	List	   *to;
	List	   *values;			/* char *; NULL: null */
	bool		move;
	Oid			like;			/* partitioned as this sibling; InvalidOid:
								 * not partitioned itself */
	char	   *by;				/* its key: "HASH (id)" */
	List	   *parts;			/* NewPartition * with name and bound */
	int			modulus;		/* of a part by hash; else 0 */
	int			remainder;
	bool		is_default;		/* a part */
} NewPartition;

/* A step from what its args are to say; spec->parent must be there. */
extern PlanStep *partition_step(const NewPartition *spec);

/* The opposite; false with a reason when the args are not as documented, or
 * name no partitioned table at or below relid. */
extern bool partition_read(Oid relid, const PlanStep *step, NewPartition *spec, char **reason);

#endif							/* SELFHEAL_PARTITION_ARGS_H */
