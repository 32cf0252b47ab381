/*
 * fiterror.c
 *	  An error kept as the reason of a row.
 */
#include "postgres.h"

#include "base/fit.h"

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
