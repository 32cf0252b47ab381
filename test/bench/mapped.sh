# shellcheck shell=bash
# mapped.sh: rows of which every one comes by two mappings (a date in another
# notation, a key under another name), against a clean load of the same table,
# without keeping what was sent and with it.
#
# The peers, which know the notation beforehand and hold nothing:
#   stage    COPY into an unlogged stage, then INSERT ... SELECT with
#            to_timestamp and a cast per column: (a) a jsonb stage, (b) a text
#            stage and a cast on the way; against the load that keeps nothing
#   archive  the same with a stage of text that is logged and stays, which is
#            how people keep what was sent; against the load that keeps it

# What a person would write to read one payload p.
MAPPED_CASTS="(p ->> 'id')::bigint, (p ->> 'customer')::varchar(32), (p ->> 'amount')::numeric(12,2), p ->> 'note',
	to_timestamp(p ->> 'at', 'DD.MM.YYYY HH24:MI:SS')::timestamp AT TIME ZONE 'Europe/Berlin', p ->> 'town', p ->> 'status',
	(p ->> 'qty')::integer, (p ->> 'price')::double precision, (p ->> 'paid')::boolean"

mapped_files() {
	ndjson_file mapped_clean "SELECT * FROM mapped_rows($1)"
	ndjson_file mapped_sent "SELECT id, customer, amount, note, to_char(at AT TIME ZONE 'Europe/Berlin', 'DD.MM.YYYY HH24:MI:SS') AS at, city AS town, status, qty, price, paid FROM mapped_rows($1)"
}

bench_mapped() {
	local key
	mapped_files "$ROWS"
	way mapped.clean mapped "$ROWS" 0 "COPY mapped_intake FROM '$WORK/mapped_clean.ndjson' (FORMAT ndjson);"
	way mapped.unkept mapped_unkept "$ROWS" 0 "COPY mapped_unkept_intake FROM '$WORK/mapped_sent.ndjson' (FORMAT ndjson);"
	way mapped.kept mapped_kept "$ROWS" 0 "COPY mapped_kept_intake FROM '$WORK/mapped_sent.ndjson' (FORMAT ndjson);"
	way mapped.stage_a mapped "$ROWS" 0 "COPY stage_jsonb FROM '$WORK/mapped_sent.ndjson' $LINES;
INSERT INTO mapped SELECT $MAPPED_CASTS FROM stage_jsonb, LATERAL (SELECT payload AS p) s;"
	way mapped.stage_b mapped "$ROWS" 0 "COPY stage_text FROM '$WORK/mapped_sent.ndjson' $LINES;
INSERT INTO mapped SELECT $MAPPED_CASTS FROM stage_text, LATERAL (SELECT payload::jsonb AS p OFFSET 0) s;"
	way mapped.archive mapped "$ROWS" 0 "COPY archive FROM '$WORK/mapped_sent.ndjson' $LINES;
INSERT INTO mapped SELECT $MAPPED_CASTS FROM archive, LATERAL (SELECT payload::jsonb AS p OFFSET 0) s;"
	alternate 200 mapped.{clean,unkept,kept,stage_a,stage_b,archive}
	compared "every row by two mappings, what was sent not kept, against clean" mapped.unkept mapped.clean '<=' 1.1 ' ×'
	compared "every row by two mappings, what was sent kept, against clean" mapped.kept mapped.clean '<=' 1.25 ' ×'
	key=$(best mapped.stage_a mapped.stage_b)
	compared "the same rows, not kept: intake against stage and \`INSERT ... SELECT\` (${key#*.})" "$key" mapped.unkept '>=' 2.5 ' × as fast'
	compared "the same rows, kept: intake against a logged stage that stays" mapped.archive mapped.kept '>=' 2.5 ' × as fast'
	detail "mapped, $ROWS rows" "$ROWS" mapped.clean mapped.{clean,unkept,kept,stage_a,stage_b,archive}
	rm -f "$WORK"/mapped_{clean,sent}.ndjson
}
