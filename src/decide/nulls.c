/*
 * nulls.c
 *	  The playbook of a null, or no value at all, where one must be.
 */
#include "postgres.h"

#include "decide/nulls.h"
#include "utils/builtins.h"

/* See the header. */
void
nulls_allow(Remedy *r, const Evidence *e)
{
	const Finding *f = r->finding;

	if (f->target == NULL)
	{
		r->explanation = pstrdup("The column is not there any more.");
		return;
	}
	if (f->target->is_domain && !f->target->notnull)
	{
		r->explanation = psprintf("NOT NULL of %s comes from its domain, which "
								  "other columns may share.",
								  quote_identifier(f->column));
		return;
	}
	r->step = plan_step(STEP_DROP_NOT_NULL, f->column, InvalidOid, -1);
	r->explanation = psprintf("%s no value for column %s, which is NOT NULL with "
							  "%s: without NOT NULL they could be stored.",
							  remedy_rows_bring(f), quote_identifier(f->column),
							  f->target->has_default ?
							  "a default that an explicit null does not use" :
							  "no default");
	remedy_option(r, true, "DROP NOT NULL",
				  "the only step that stores the rows as they were sent");
	remedy_option(r, false, "SET DEFAULT", "a value that nobody sent");
	remedy_option(r, false, "hold the rows",
				  "that is what happens until somebody approves");
}
