/*
 * plantools.h
 *	  The tools with which a model tries a change and proposes one.
 *
 * What it gives is parsed and vetted as anybody's proposal is: only typed steps
 * on the incident's own table come of it. None of them applies anything: a
 * proposal that its trial bears out waits for a person, or is approved by the
 * team's policy, and the healer runs it as it runs every approved plan, vetted
 * and tried once more.
 */
#ifndef SELFHEAL_PLANTOOLS_H
#define SELFHEAL_PLANTOOLS_H

#include "postgres.h"

#include "serve/conversation.h"
#include "serve/tools.h"

extern const Tool plantools_dry_run;
extern const Tool plantools_propose;

/* What came of a proposal. */
typedef enum Proposal
{
	PROPOSAL_WRONG,				/* not a plan, or refused: the model is told
								 * why */
	PROPOSAL_STORED,			/* *plan is to be tried */
	PROPOSAL_NONE				/* the model says that no change is safe */
} Proposal;

/*
 * First half of propose_plan: checked, vetted, stored; nothing is tried yet.
 * Audit: proposed, or refused with what was asked. What the model thinks is
 * kept with the conversation. In the current transaction.
 */
extern Proposal plantools_store(const Conversation *c, Jsonb *args, int64 *plan, ToolResult **result);

/*
 * Second half: tried on a clone. Audit: dry_run, and approved where policy
 * approves. *accepted: it waits for approval or has one, and so does the
 * incident. In the current transaction; the trial is rolled back.
 */
extern ToolResult *plantools_try(const Conversation *c, Jsonb *args, int64 plan, bool *accepted);

#endif							/* SELFHEAL_PLANTOOLS_H */
