/*
 * newcolumns.c
 *	  What the rows of an unknown table teach of its columns.
 */
#include "postgres.h"

#include "base/spi.h"
#include "read/json.h"
#include "read/unseen.h"
#include "catalog/heap.h"
#include "decide/newcolumns.h"
#include "decide/newtable.h"
#include "miscadmin.h"
#include "orient/infer.h"
#include "utils/hsearch.h"

/* Columns of a new table, at most: room for those to come. */
#define NEW_COLUMNS 1000

typedef struct SeenKey
{
	char		name[NAMEDATALEN];	/* key */
	Evidence	evidence;
} SeenKey;

/* Learn from one payload; what is no object teaches nothing. */
static void
learn(const JsonDoc *doc, HTAB *seen, List **order)
{
	if (doc->fault != JSON_FINE)
		return;
	for (int i = 0; i < doc->nfields; i++)
	{
		const JsonField *field = &doc->fields[i];
		char		name[NAMEDATALEN] = {0};
		SeenKey    *key;
		bool		found;

		if (field->keylen == 0 || field->keylen >= NAMEDATALEN)
			continue;
		memcpy(name, field->key, field->keylen);
		if (unseen_in(name) || SystemAttributeByName(name) != NULL)
			continue;
		key = hash_search(seen, name, hash_get_num_entries(seen) < NEW_COLUMNS ? HASH_ENTER : HASH_FIND,
						  &found);
		if (key == NULL)
			continue;
		if (!found)
		{
			infer_init(&key->evidence);
			*order = lappend(*order, key);
		}
		infer_value(&key->evidence, field->kind, field->val, field->len);
	}
}

/* See the header. */
List *
newcolumns_learn(const char *table)
{
	MemoryContext cxt = CurrentMemoryContext;
	HASHCTL		ctl = {.keysize = NAMEDATALEN,.entrysize = sizeof(SeenKey),.hcxt = cxt};
	HTAB	   *seen = hash_create("selfheal landed keys", 64, &ctl, HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	JsonScanner *scanner = json_scanner(cxt);
	List	   *order = NIL;
	List	   *columns = NIL;
	int64		after = 0;
	uint64		n;
	ListCell   *lc;

	do
	{
		SpiUser		saved;
		SpiArgs		args;

		CHECK_FOR_INTERRUPTS();
		spi_open(&saved);
		spi_args(&args);
		spi_arg_text(&args, table);
		spi_arg_int8(&args, after);
		n = spi_exec("SELECT id, payload FROM selfheal.arrival WHERE table_name = $1 AND id > $2 ORDER BY id LIMIT 1000", &args);
		for (uint64 i = 0; i < n; i++)
		{
			char	   *payload = spi_get_text(i, 2, CurrentMemoryContext);
			const JsonDoc *doc = json_scan(scanner, payload, strlen(payload));
			MemoryContext old = MemoryContextSwitchTo(cxt);

			learn(doc, seen, &order);
			MemoryContextSwitchTo(old);
			after = spi_get_int8(i, 1, NULL);
		}
		spi_close(&saved);
	} while (n > 0);
	json_scanner_free(scanner);
	foreach(lc, order)
	{
		const SeenKey *key = lfirst(lc);
		NewColumn  *column = palloc(sizeof(NewColumn));

		column->name = pstrdup(key->name);
		column->type = infer_type(&key->evidence);
		if (OidIsValid(column->type))
			columns = lappend(columns, column);
	}
	return columns;
}
