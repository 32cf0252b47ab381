/*
 * heldref.c
 *	  References to held rows: ranges of ids and a hash of their bytes.
 */
#include "postgres.h"

#include "base/spi.h"
#include "common/cryptohash.h"
#include "common/sha2.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "observe/heldref.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#define REF_RANGES 100

/*
 * See the header. held_fetch lays payloads side by side with a line feed
 * behind each, so that they mostly go to the hash in one piece.
 */
char *
heldref_hash(const HeldRow *rows, int n)
{
	pg_cryptohash_ctx *ctx = pg_cryptohash_create(PG_SHA256);
	uint8		digest[PG_SHA256_DIGEST_LENGTH];
	char	   *hex = palloc(PG_SHA256_DIGEST_LENGTH * 2 + 1);
	bool		ok = ctx != NULL && pg_cryptohash_init(ctx) >= 0;

	for (int i = 0; ok && i < n;)
	{
		const char *from = rows[i].row.bytes;
		const char *to;

		CHECK_FOR_INTERRUPTS();
		do
			to = rows[i].row.bytes + rows[i].row.len + 1;
		while (++i < n && rows[i].row.bytes == to);
		ok = pg_cryptohash_update(ctx, (const uint8 *) from, to - from) >= 0;
	}
	if (!ok || pg_cryptohash_final(ctx, digest, sizeof(digest)) < 0)
		elog(ERROR, "could not compute sha256");
	pg_cryptohash_free(ctx);
	hex_encode((const char *) digest, sizeof(digest), hex);
	hex[PG_SHA256_DIGEST_LENGTH * 2] = '\0';
	return hex;
}

/* The last of the rows from i on whose ids follow each other. */
static int
range_end(const HeldRow *rows, int n, int i)
{
	while (i + 1 < n && rows[i + 1].id == rows[i].id + 1)
		i++;
	return i;
}

/* One number of the reference. */
static void
push_int8(JsonbParseState **state, JsonbIteratorToken token, int64 value)
{
	JsonbValue	v;

	v.type = jbvNumeric;
	v.val.numeric = int64_to_numeric(value);
	pushJsonbValue(state, token, &v);
}

static void
push_key(JsonbParseState **state, const char *key)
{
	JsonbValue	v;

	v.type = jbvString;
	v.val.string.val = unconstify(char *, key);
	v.val.string.len = strlen(key);
	pushJsonbValue(state, WJB_KEY, &v);
}

/* See the header. */
Jsonb *
heldref_json(const HeldRow *rows, int n, const char *hash)
{
	JsonbParseState *state = NULL;
	JsonbValue	v;

	if (hash == NULL)
		hash = heldref_hash(rows, n);
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	push_key(&state, "ids");
	pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	for (int i = 0, ranges = 0; i < n && ranges < REF_RANGES; i++, ranges++)
	{
		int			last = range_end(rows, n, i);

		pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
		push_int8(&state, WJB_ELEM, rows[i].id);
		push_int8(&state, WJB_ELEM, rows[last].id);
		pushJsonbValue(&state, WJB_END_ARRAY, NULL);
		i = last;
	}
	pushJsonbValue(&state, WJB_END_ARRAY, NULL);
	push_key(&state, "rows");
	push_int8(&state, WJB_VALUE, n);
	push_key(&state, "sha256");
	v.type = jbvString;
	v.val.string.val = unconstify(char *, hash);
	v.val.string.len = strlen(hash);
	pushJsonbValue(&state, WJB_VALUE, &v);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

/* See the header. Here every range stands: nothing else tells which rows. */
char *
heldref_replayed(Oid relid, const HeldRow *rows, int n, int64 plan,
				 const char *role)
{
	char	   *hash = heldref_hash(rows, n);
	StringInfoData ids;
	SpiUser		saved;
	SpiArgs		args;

	initStringInfo(&ids);
	for (int i = 0; i < n; i++)
	{
		int			last = range_end(rows, n, i);

		appendStringInfo(&ids, "%c[" INT64_FORMAT "," INT64_FORMAT "]",
						 ids.len ? ',' : '{', rows[i].id, rows[last].id);
		i = last;
	}
	appendStringInfoChar(&ids, '}');

	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, relid);
	spi_arg_text(&args, get_namespace_name(get_rel_namespace(relid)));
	spi_arg_text(&args, get_rel_name(relid));
	if (plan)
		spi_arg_int8(&args, plan);
	else
		spi_arg_null(&args, INT8OID);
	spi_arg_text(&args, role);
	spi_arg_int8(&args, n);
	spi_arg_text(&args, ids.data);
	spi_arg_text(&args, hash);
	spi_exec("INSERT INTO selfheal.replayed"
			 " (relid, schema_name, table_name, plan, role, rows, ids, sha256)"
			 " VALUES ($1, $2, $3, $4, $5, $6, $7::int8multirange, $8)", &args);
	spi_close(&saved);
	return hash;
}
