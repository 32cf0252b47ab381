/*
 * options.c
 *	  What the owner of a watched table asks for.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_index.h"
#include "observe/options.h"
#include "observe/rowkey.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/syscache.h"

static const char *const mode_names[] = {"observe", "propose", "auto"};
static const char *const conflict_names[] = {"hold", "skip_identical", "update"};
static const char *const keep_names[] = {"transformed", "all", "none"};
static const char *const share_names[] = {"none", "masked", "full"};

/* The place of a name in a list, or -1. */
static int
place(const char *name, const char *const *names, int n)
{
	for (int i = 0; i < n; i++)
		if (strcmp(name, names[i]) == 0)
			return i;
	return -1;
}

/* See the header. */
WatchMode
options_mode(const char *name)
{
	int			i = place(name, mode_names, lengthof(mode_names));

	if (i < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown mode \"%s\"", name),
				 errhint("Modes are observe, propose and auto.")));
	return (WatchMode) i;
}

const char *
options_mode_name(WatchMode mode)
{
	return mode_names[mode];
}

/* See the header. */
RowConflict
options_conflict(const char *name)
{
	int			i = place(name, conflict_names, lengthof(conflict_names));

	if (i < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown on_conflict \"%s\"", name),
				 errhint("A row that meets a stored one can be: hold, skip_identical, update.")));
	return (RowConflict) i;
}

const char *
options_conflict_name(RowConflict conflict)
{
	return conflict_names[conflict];
}

/* See the header. */
KeepPayload
options_keep(const char *name)
{
	int			i = place(name, keep_names, lengthof(keep_names));

	if (i < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown keep_payload \"%s\"", name),
				 errhint("Payloads can be kept of rows that are transformed, of all, or of none.")));
	return (KeepPayload) i;
}

const char *
options_keep_name(KeepPayload keep)
{
	return keep_names[keep];
}

/* See the header. */
int
options_share(const char *name)
{
	int			i = place(name, share_names, lengthof(share_names));

	if (strcmp(name, "default") == 0)
		return SHARE_BY_SETTING;
	if (i < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown share_values \"%s\"", name),
				 errhint("Of values can be told none, masked, full, or default: what selfheal.share_values says.")));
	return i;
}

const char *
options_share_name(int share)
{
	return share == SHARE_BY_SETTING ? "default" : share_names[share];
}

/*
 * A number, a per cent sign behind it or not, blanks between them: read by
 * hand, since strtod takes hex, infinities and more that nobody means.
 */
static bool
read_limit(const char *text, RejectLimit *out)
{
	const char *p = text + strspn(text, " ");
	size_t		whole = strspn(p, "0123456789");
	size_t		digits = whole;
	double		number;

	memset(out, 0, sizeof(RejectLimit));
	if (whole == 0 || whole > 15)
		return false;
	if (p[whole] == '.')
	{
		digits += 1 + strspn(p + whole + 1, "0123456789");
		if (digits == whole + 1 || digits > whole + 7)
			return false;
	}
	number = strtod(pnstrdup(p, digits), NULL);
	p += digits;
	p += strspn(p, " ");
	out->kind = *p == '%' ? REJECT_PERCENT : REJECT_ROWS;
	if (out->kind == REJECT_PERCENT)
	{
		out->percent = number;
		p++;
		p += strspn(p, " ");
		return *p == '\0' && number <= 100;
	}
	out->rows = (int64) number;
	return *p == '\0' && digits == whole;
}

/* See the header. */
RejectLimit
options_reject_limit(const char *text)
{
	RejectLimit limit = {0};

	if (strcmp(text, "none") == 0)
		return limit;
	if (!read_limit(text, &limit))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid reject_limit \"%s\"", text),
				 errhint("Give a number of rows ('1000'), a share of a load's rows ('10 %%'), or 'none'.")));
	return limit;
}

/* See the header. Six decimals at most were taken, so they are all shown. */
char *
options_reject_text(const RejectLimit *limit)
{
	char	   *text;
	char	   *end;

	if (limit->kind == REJECT_NONE)
		return NULL;
	if (limit->kind == REJECT_ROWS)
		return psprintf(INT64_FORMAT, limit->rows);
	text = psprintf("%.6f", limit->percent);
	end = text + strlen(text);
	while (end[-1] == '0')
		end--;
	if (end[-1] == '.')
		end--;
	*end = '\0';
	return psprintf("%s %%", text);
}

/* Is there a primary key whose violation is found at once, row by row? */
static bool
has_primary_key(Oid relid)
{
	Relation	rel = table_open(relid, AccessShareLock);
	bool		found = false;
	ListCell   *lc;

	foreach(lc, RelationGetIndexList(rel))
	{
		HeapTuple	tup = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(lfirst_oid(lc)));
		Form_pg_index index;

		if (!HeapTupleIsValid(tup))
			elog(ERROR, "cache lookup failed for index %u", lfirst_oid(lc));
		index = (Form_pg_index) GETSTRUCT(tup);
		found |= index->indisprimary && index->indimmediate && index->indisvalid;
		ReleaseSysCache(tup);
	}
	table_close(rel, NoLock);
	return found;
}

/* See the header. */
void
options_check_conflict(Oid relid, RowConflict conflict)
{
	if (conflict != ROW_CONFLICT_UPDATE || has_primary_key(relid))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("on_conflict \"update\" needs a primary key on %s",
					quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
											   get_rel_name(relid))),
			 errdetail("It tells which stored row a payload is to replace; a deferrable one cannot."),
			 errhint("Add a primary key, or use on_conflict \"hold\" or \"skip_identical\".")));
}

/* See the header. */
void
options_check_replay(Oid relid)
{
	if (rowkey_exists(relid))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("replay_statements needs a key on %s",
					quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
											   get_rel_name(relid))),
			 errdetail("A client that sends its row again, and the healer, would each store it: only a key tells that it is there."),
			 errhint("Add a primary key or a unique constraint that is not deferrable, or leave replay_statements off: the table heals all the same, and the client's retry succeeds.")));
}
