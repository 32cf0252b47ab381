/*
 * fiterror.c
 *	  An error as the reason of a row: its class, and what is kept of it.
 *
 * The class goes by the SQLSTATE, which is the same in every language and
 * version. Where two causes share one, the other fields of the error tell them
 * apart; the words of a message only where nothing else does, and then those
 * before translation.
 */
#include "postgres.h"

#include "base/trouble.h"
#include "read/fit.h"

/*
 * An empty range in a key WITHOUT OVERLAPS (from 18 on): 23514 without a
 * constraint's name, but no matter of partitions. message_id is the text
 * before translation.
 */
static bool
is_empty_range(const ErrorData *edata)
{
	return edata->message_id != NULL &&
		strstr(edata->message_id, "WITHOUT OVERLAPS") != NULL;
}

/*
 * The loading role has no user mapping for a foreign table's server, or one
 * with which postgres_fdw will not connect for him: a right that he lacks.
 * 42704 is about anything that is not there; the text tells.
 */
static bool
is_about_mapping(const ErrorData *edata)
{
	return edata->sqlerrcode == ERRCODE_S_R_E_PROHIBITED_SQL_STATEMENT_ATTEMPTED ||
		(edata->sqlerrcode == ERRCODE_UNDEFINED_OBJECT && edata->message_id != NULL &&
		 strstr(edata->message_id, "user mapping not found") != NULL);
}

/*
 * A key that is null in part, of a foreign key that is MATCH FULL: no parent
 * that comes will help the row. Only the detail tells, which stands in the
 * error as translated.
 */
static bool
is_half_null(const ErrorData *edata)
{
	return edata->detail != NULL &&
		strcmp(edata->detail, _("MATCH FULL does not allow mixing of null and nonnull key values.")) == 0;
}

/*
 * The class of an error by its SQLSTATE. 23514 that names a table and no
 * constraint is a row that no partition takes (raised by a trigger it names
 * neither); the data exceptions that are left (22xxx) are values that the
 * table is not to be changed for.
 */
static FitClass
class_of_error(const ErrorData *edata)
{
	if (trouble_by_sqlstate(edata->sqlerrcode) && trouble_raised_by_code(edata))
		return FIT_TRIGGER;
	switch (edata->sqlerrcode)
	{
		case ERRCODE_UNIQUE_VIOLATION:
			return FIT_UNIQUE;
		case ERRCODE_FOREIGN_KEY_VIOLATION:
			return is_half_null(edata) ? FIT_OTHER : FIT_FOREIGN_KEY;
		case ERRCODE_CHECK_VIOLATION:
			return edata->constraint_name || !edata->table_name || is_empty_range(edata) ?
				FIT_CHECK : FIT_PARTITION;
		case ERRCODE_EXCLUSION_VIOLATION:
			return FIT_EXCLUSION;
		case ERRCODE_NOT_NULL_VIOLATION:
			return FIT_NULL_VALUE;
		case ERRCODE_INSUFFICIENT_PRIVILEGE:
			return FIT_PERMISSION;
		case ERRCODE_UNDEFINED_OBJECT:
		case ERRCODE_S_R_E_PROHIBITED_SQL_STATEMENT_ATTEMPTED:
			if (is_about_mapping(edata))
				return FIT_PERMISSION;
			break;
		case ERRCODE_STRING_DATA_RIGHT_TRUNCATION:
			return FIT_TOO_LONG;
		case ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE:
			return FIT_OUT_OF_RANGE;
		case ERRCODE_INVALID_TEXT_REPRESENTATION:
		case ERRCODE_INVALID_DATETIME_FORMAT:
		case ERRCODE_DATATYPE_MISMATCH:
			return FIT_WRONG_TYPE;
		case ERRCODE_CHARACTER_NOT_IN_REPERTOIRE:
			return FIT_BAD_ENCODING;
		case ERRCODE_GENERATED_ALWAYS:
			return FIT_GENERATED;
		case ERRCODE_SEQUENCE_GENERATOR_LIMIT_EXCEEDED:
			return FIT_SEQUENCE;
		case ERRCODE_LOCK_NOT_AVAILABLE:
		case ERRCODE_OBJECT_IN_USE:
			return FIT_RETRY;
		default:
			break;
	}
	switch (ERRCODE_TO_CATEGORY(edata->sqlerrcode))
	{
			/* our own INSERT is right: what misses a name is a trigger */
		case ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION:
			return FIT_TRIGGER;
		case ERRCODE_DATA_EXCEPTION:
			return FIT_BAD_VALUE;
		case ERRCODE_TRANSACTION_ROLLBACK:
			return FIT_RETRY;
		case ERRCODE_PROGRAM_LIMIT_EXCEEDED:
			return FIT_LIMIT;
		case ERRCODE_PLPGSQL_ERROR:
		case ERRCODE_TRIGGERED_ACTION_EXCEPTION:
		case ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION:
		case ERRCODE_EXTERNAL_ROUTINE_EXCEPTION:
		case ERRCODE_EXTERNAL_ROUTINE_INVOCATION_EXCEPTION:
		case ERRCODE_SQL_ROUTINE_EXCEPTION:
			return FIT_TRIGGER;
		default:
			return FIT_OTHER;
	}
}

/*
 * See the header. The column is PostgreSQL's own word, which only a few errors
 * carry. Strings in the current context.
 */
void
fit_from_error(const ErrorData *edata, Misfit *out)
{
	memset(out, 0, sizeof(*out));
	out->class = class_of_error(edata);
	out->sqlstate = edata->sqlerrcode;
	if (edata->column_name)
		out->column = pstrdup(edata->column_name);
	out->message = pstrdup(edata->message ? edata->message : "error without a message");
}

static char *
copy_string(const char *s)
{
	return s ? pstrdup(s) : NULL;
}

/* See the header. An error that was raised softly stands in no error stack,
 * so CopyErrorData cannot be had for it. */
ErrorData *
fit_copy_error(const ErrorData *from)
{
	ErrorData  *to = palloc0(sizeof(ErrorData));

	to->sqlerrcode = from->sqlerrcode;
	to->message = copy_string(from->message);
	to->detail = copy_string(from->detail);
	to->hint = copy_string(from->hint);
	to->context = copy_string(from->context);
	to->schema_name = copy_string(from->schema_name);
	to->table_name = copy_string(from->table_name);
	to->column_name = copy_string(from->column_name);
	to->datatype_name = copy_string(from->datatype_name);
	to->constraint_name = copy_string(from->constraint_name);
	return to;
}
