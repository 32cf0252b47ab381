/*
 * canon.c
 *	  Text that reads the same in every session, and its hash.
 */
#include "postgres.h"

#include "base/canon.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"

/*
 * Settings that change how expressions and constants are written. Under these
 * a CHECK with a timestamp reads the same for everybody.
 */
static const char *const canonical_settings[][2] = {
	{"search_path", "pg_catalog, pg_temp"},
	{"quote_all_identifiers", "off"},
	{"TimeZone", "UTC"},
	{"DateStyle", "ISO, YMD"},
	{"IntervalStyle", "postgres"},
	{"extra_float_digits", "1"},
	{"bytea_output", "hex"},
	{"lc_monetary", "C"},
};

/* See the header. */
char *
canon_sha256(const char *text)
{
	int			len = strlen(text);
	bytea	   *in = palloc(VARHDRSZ + len);
	bytea	   *out;
	char	   *hex;
	int			n;

	SET_VARSIZE(in, VARHDRSZ + len);
	memcpy(VARDATA(in), text, len);
	out = DatumGetByteaPP(DirectFunctionCall1(sha256_bytea,
											  PointerGetDatum(in)));
	hex = palloc(2 * VARSIZE_ANY_EXHDR(out) + 1);
	n = hex_encode(VARDATA_ANY(out), VARSIZE_ANY_EXHDR(out), hex);
	hex[n] = '\0';
	return hex;
}

/* See the header. */
int
canon_pin_settings(void)
{
	int			nest = NewGUCNestLevel();
	int			i;

	for (i = 0; i < (int) lengthof(canonical_settings); i++)
		(void) set_config_option(canonical_settings[i][0],
								 canonical_settings[i][1],
								 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
								 true, 0, false);
	return nest;
}
