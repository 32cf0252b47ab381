/*
 * snapshot.h
 *	  A table's shape as JSON, its hash, and what changed between two shapes.
 *
 * The shape is what decides whether a row fits: names, never OIDs, written
 * under pinned settings, in an order that does not depend on when things were
 * made, so that it reads the same in every session, after dump and restore,
 * and in another version of the server where that writes an expression alike.
 *
 *	{"schema": "public", "table": "orders",
 *	 "kind": "table" | "partitioned" | "foreign",
 *	 "row_security": "off" | "on" | "forced",
 *	 "columns": [in their order
 *	   {"name": "qty", "type": "integer", "not_null": true,
 *		"collation": (not its type's), "default": expression,
 *		"identity": "always" | "by default",
 *		"generated": expression, "virtual": true}],
 *	 "constraints": [by name
 *	   {"name": "orders_pkey", "definition": "PRIMARY KEY (id)",
 *		"kind": "primary_key" | "unique" | "foreign_key" | "check" |
 *				"exclusion" | "unique_index"}],
 *	 "triggers": [by name, of people
 *	   {"name": "t", "enabled": "origin" | "off" | "replica" | "always",
 *		"calls": "public.f"}],
 *	 "types": {what columns are made of, but for the server's own
 *	   "public.mood": {"kind": "enum", "labels": ["sad", "ok"]},
 *	   "public.sku": {"kind": "domain", "base": "text", "not_null": false,
 *		"collation":, "default":, "constraints": [{"name":, "definition":}]},
 *	   "public.pair": {"kind": "composite", "attributes": [{"name":, "type":}]},
 *	   "public.span": {"kind": "range", "base": "integer"}},
 *	 "partition_key": "RANGE (day)",
 *	 "partitions": [of every level, by name
 *	   {"name": "public.orders_1", "bound": "FOR VALUES FROM ... TO ...",
 *		"of": "public.orders", "key": "LIST (land)",
 *		"constraints": [its own alone, as above, without kind]}],
 *	 "partition_count": 1, "partition_digest": sha256 of them}
 *
 * A member that has nothing to say is left out. Of an index that makes a
 * constraint the constraint stands here, of another unique one the definition
 * from USING on; an index that refuses nothing does not. A table with more
 * than SNAPSHOT_PARTITIONS partitions has their count and a digest of their
 * names and no list. Statistics, comments, privileges, policies and storage
 * are no part of it.
 *
 * A trigger's body and a function in a CHECK may change without a change of
 * the shape.
 *
 * Not plan_schema_hash: that one is what a person's approval binds, and leaves
 * out the partitions, which come every night.
 */
#ifndef SELFHEAL_SNAPSHOT_H
#define SELFHEAL_SNAPSHOT_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/jsonb.h"

/* Partitions that are listed one by one. */
#define SNAPSHOT_PARTITIONS 1000

/*
 * The shape of a table as it is now, whatever the transaction's snapshot, in
 * the current context; NULL when there is no such table. Opens SPI for itself.
 * Takes no lock: who wants it to stay as it is holds one.
 */
extern Jsonb *snapshot_of(Oid relid);

/* sha256 in hex of the canonical text of a shape (jsonb's own). */
extern char *snapshot_hash(const Jsonb *snapshot);

/*
 * What changed, in the order: table, columns, constraints, types, triggers,
 * partitions. was and now are short texts for people, NULL where there is
 * nothing.
 *
 * breaks: may a producer that names what it sends, and whose rows fitted
 * before, fail now? Of a trigger nobody can tell: false.
 *
 *	kind                      name        breaks
 *	table_dropped             table       yes
 *	table_renamed             table       yes (the schema as well)
 *	kind_changed              table       yes
 *	row_security_changed      table       when it is stricter
 *	column_added              column      when it must be sent
 *	column_dropped            column      yes
 *	column_renamed            column (old) yes
 *	columns_reordered         table       yes: rows sent by position
 *	type_widened              column      no
 *	type_narrowed             column      yes
 *	type_changed              column      yes: neither of the two
 *	type_renamed              column      no
 *	not_null_added            column      yes
 *	not_null_removed          column      no
 *	default_changed           column      when it is gone and NOT NULL stays
 *	collation_changed         column      no
 *	identity_changed          column      when ALWAYS, or gone from NOT NULL
 *	generated_changed         column      when it is computed now, or else so
 *	constraint_added          constraint  when it is enforced
 *	constraint_dropped        constraint  no
 *	constraint_changed        constraint  unless it was validated, or allows more
 *	constraint_renamed        constraint (old) no
 *	enum_label_added          type        no
 *	enum_label_renamed        type        yes
 *	enum_label_dropped        type        yes
 *	type_redefined            type        yes: domain, composite, range
 *	domain_constraint_added   type        yes
 *	domain_constraint_dropped type        no
 *	domain_constraint_changed type        yes, unless only validated
 *	domain_not_null_added     type        yes
 *	domain_not_null_removed   type        no
 *	domain_default_changed    type        no
 *	trigger_added, trigger_dropped, trigger_changed  trigger  no
 *	partition_key_changed     table       yes
 *	partition_added           partition   no
 *	partition_dropped         partition   yes (detached as well)
 *	partition_renamed         partition (old) no
 *	partition_changed         partition   yes: bound, or its own constraints
 *	partitions_changed        table       too many to list: when they are fewer
 */
typedef struct SnapshotChange
{
	const char *kind;
	char	   *name;
	char	   *was;
	char	   *now;
	bool		breaks;
} SnapshotChange;

/*
 * List of SnapshotChange, in the current context. A NULL "now" is a table that
 * is gone. renamed: {"old column": "new column"}, or NULL; a shape does not
 * tell a rename from a drop and a new column, who saw the command does.
 */
extern List *snapshot_diff(const Jsonb *was, const Jsonb *now, const Jsonb *renamed);

/* [{"kind":, "name":, "was":, "now":, "breaks":}], without the nulls. */
extern Jsonb *snapshot_changes(const List *changes);

#endif							/* SELFHEAL_SNAPSHOT_H */
