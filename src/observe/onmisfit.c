/*
 * onmisfit.c
 *	  What a COPY says of rows that do not fit.
 *
 * The options are read here and not by the server, since 15 and 16 know none
 * of them and 17 not all; values and refusals are those of 18.
 */
#include "postgres.h"

#include "commands/defrem.h"
#include "miscadmin.h"
#include "observe/onmisfit.h"
#include "observe/sharing.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* Given once only. */
static void
check_first(bool first, const DefElem *opt)
{
	if (!first)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("conflicting or redundant options"),
				 errhint("Give COPY option \"%s\" once.", opt->defname)));
}

static void
refuse_value(const char *option, const char *value, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("COPY option \"%s\" has no value \"%s\"", option, value),
			 errhint("%s", hint)));
}

static void
take_on_error(OnMisfit *on, DefElem *opt)
{
	char	   *value = defGetString(opt);

	check_first(on->on_error == ON_MISFIT_UNSAID, opt);
	if (pg_strcasecmp(value, "stop") == 0)
		on->on_error = ON_MISFIT_STOP;
	else if (pg_strcasecmp(value, "ignore") == 0)
		on->on_error = ON_MISFIT_HOLD;
	else
		refuse_value("on_error", value,
					 "Give ignore (rows that do not fit are held) or stop (the first of them fails the load). "
					 "What is to become of single values set_contract() says.");
}

static void
take_limit(OnMisfit *on, DefElem *opt)
{
	check_first(on->limit == 0, opt);
	if (opt->arg && IsA(opt->arg, String))
		on->limit = pg_strtoint64(strVal(opt->arg));
	else
		on->limit = defGetInt64(opt);
	if (on->limit <= 0)
		refuse_value("reject_limit", psprintf(INT64_FORMAT, on->limit),
					 "Give a number of rows greater than zero; on_error stop lets none pass.");
}

static void
take_verbosity(OnMisfit *on, DefElem *opt)
{
	char	   *value = defGetString(opt);

	check_first(on->tell == TELL_UNSAID, opt);
	if (pg_strcasecmp(value, "default") == 0)
		on->tell = TELL_DEFAULT;
	else if (pg_strcasecmp(value, "verbose") == 0)
		on->tell = TELL_EACH;
	else if (pg_strcasecmp(value, "silent") == 0)
		on->tell = TELL_NOTHING;
	else
		refuse_value("log_verbosity", value, "Give default, verbose or silent.");
}

/* See the header. */
bool
onmisfit_option(OnMisfit *on, DefElem *opt)
{
	if (strcmp(opt->defname, "on_error") == 0)
		take_on_error(on, opt);
	else if (strcmp(opt->defname, "reject_limit") == 0)
		take_limit(on, opt);
	else if (strcmp(opt->defname, "log_verbosity") == 0)
		take_verbosity(on, opt);
	else
		return false;
	return true;
}

/* See the header. COPY wants its ON_ERROR ignore said, which goes without
 * saying here. */
void
onmisfit_check(const OnMisfit *on)
{
	if (on->limit > 0 && on->on_error == ON_MISFIT_STOP)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("COPY option \"reject_limit\" does not go with on_error stop"),
				 errhint("Leave on_error out, or say ignore.")));
}

static char *
table_name(Oid relid)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
									  get_rel_name(relid));
}

/* Why the row does not fit: its first reason. */
static Misfit
reason_of(const StoreRow *row)
{
	Misfit		misfit = row->misfits[0];

	fit_words(&misfit);
	return misfit;
}

/* The end of a sentence about the row. */
static char *
in_column(const Misfit *reason)
{
	return reason->column ? psprintf(" for column \"%s\"", reason->column) : "";
}

/* ON_ERROR stop: this row's error is the load's. */
static void
stop(Oid relid, const StoreRow *row, int64 position)
{
	Misfit		reason = reason_of(row);
	const ErrorData *edata = reason.error ? reason.error : row->edata;

	ereport(ERROR,
			(errcode(reason.sqlstate ? reason.sqlstate : ERRCODE_DATA_EXCEPTION),
			 errmsg("load into %s is stopped: its row " INT64_FORMAT " does not fit%s",
					table_name(relid), position, in_column(&reason)),
			 errdetail("%s.", reason.message),
			 errdetail_log("%s.", sharing_message(relid, reason.message)),
			 err_generic_string(PG_DIAG_SCHEMA_NAME, get_namespace_name(get_rel_namespace(relid))),
			 err_generic_string(PG_DIAG_TABLE_NAME, get_rel_name(relid)),
			 reason.column ? err_generic_string(PG_DIAG_COLUMN_NAME, reason.column) : 0,
			 edata && edata->constraint_name ?
			 err_generic_string(PG_DIAG_CONSTRAINT_NAME, edata->constraint_name) : 0,
			 errhidestmt(sharing_hides(relid)), errhidecontext(sharing_hides(relid)),
			 errhint("Its on_error is stop, so nothing of the load was stored or held. Without it the row is held, and the others are stored.")));
}

/* LOG_VERBOSITY verbose: of each row by itself. */
static void
tell(Oid relid, const StoreRow *row, int64 position)
{
	Misfit		reason = reason_of(row);

	ereport(NOTICE,
			(row->discarded ?
			 errmsg("selfheal: row " INT64_FORMAT " is discarded%s", position, in_column(&reason)) :
			 errmsg("selfheal: row " INT64_FORMAT " is held%s", position, in_column(&reason)),
			 errdetail("%s.", reason.message),
			 errdetail_log("%s.", sharing_message(relid, reason.message)),
			 reason.column ? err_generic_string(PG_DIAG_COLUMN_NAME, reason.column) : 0,
			 errhidestmt(sharing_hides(relid)), errhidecontext(sharing_hides(relid))));
}

/* See the header. */
void
onmisfit_see(const OnMisfit *on, Oid relid, const StoreRow *rows,
			 const int64 *positions, int n)
{
	if (on->on_error != ON_MISFIT_STOP && on->tell != TELL_EACH)
		return;
	for (int i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (rows[i].stored || rows[i].nmisfits == 0)
			continue;
		if (on->on_error == ON_MISFIT_STOP)
			stop(relid, &rows[i], positions[i]);
		tell(relid, &rows[i], positions[i]);
	}
}

/* See the header. */
void
onmisfit_count(const OnMisfit *on, Oid relid, const QuarantineWriter *w,
			   const Discards *d, int64 misfits)
{
	const char *held;
	const char *discarded;
	const char *between;

	if (on->limit == 0 || misfits <= on->limit)
		return;
	held = w ? quarantine_reasons(w, 3) : "";
	discarded = d ? discards_reasons(d, 3) : "";
	between = held[0] && discarded[0] ? "\n" : "";
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("load into %s is rejected: more than " INT64_FORMAT " of its rows do not fit",
					table_name(relid), on->limit),
			 errdetail("%s%s%s", held, between, discarded),
			 errdetail_log("%s%s%s", sharing_message(relid, held), between,
						   sharing_message(relid, discarded)),
			 errhidestmt(sharing_hides(relid)), errhidecontext(sharing_hides(relid)),
			 errhint("That is its reject_limit, so nothing of the load was stored or held.")));
}
