/*
 * nulls.c
 *	  The playbook of a null, or no value at all, where one must be.
 */
#include "postgres.h"

#include "decide/constant.h"
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
	remedy_option(r, false, "SET DEFAULT",
				  f->class == FIT_MISSING_KEY ?
				  "a value that nobody sent: the team names it with hint(..., default_value => ...)" :
				  "a null that was sent does not use it");
	remedy_option(r, false, "hold the rows",
				  "that is what happens until somebody approves");
}

/* See the header. */
void
nulls_default(Remedy *r, const Evidence *e)
{
	const Finding *f = r->finding;

	if (r->hint == NULL || r->hint->default_value == NULL || f->class != FIT_MISSING_KEY || f->target == NULL)
		return;
	r->step = constant_step(f->column, r->hint->default_value);
	r->explanation = psprintf("%s no key %s, whose column is NOT NULL without a default: rows without the key get %s, "
							  "which the team has named by a hint.",
							  remedy_rows_bring(f), quote_identifier(f->column),
							  quote_literal_cstr(r->hint->default_value));
	remedy_option(r, true, psprintf("SET DEFAULT %s", quote_literal_cstr(r->hint->default_value)),
				  "the team has said so");
	remedy_option(r, false, "DROP NOT NULL", "the team's word comes before what is inferred");
}
