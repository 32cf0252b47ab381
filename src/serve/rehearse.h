/*
 * rehearse.h
 *	  What would a learnt playbook have done to the payloads of past incidents?
 */
#ifndef SELFHEAL_REHEARSE_H
#define SELFHEAL_REHEARSE_H

#include "postgres.h"

#include "utils/jsonb.h"

/*
 * The steps of a learnt playbook, filled for each table that it was learnt of,
 * on what is kept of the rows that its plans stored (selfheal.kept), and dry
 * runs of it for live incidents of its signature. Writes nothing; in the current
 * transaction and context.
 *
 * JSON: {"kept": {"rows": n, "fit": n}, "held": {"rows": n, "fit": n},
 *        "not_rehearsed": [{"plan" | "incident": id, "why": text}],
 *        "failed": text or null}
 * It has failed when rows that were stored by such steps do not fit by them, when
 * a person has taken such a mapping away, or when a dry run would break
 * stored rows or a check of the team's. Held rows that do not fit are none of
 * its business.
 */
extern Jsonb *rehearse_learnt(int64 id, bool *failed);

#endif							/* SELFHEAL_REHEARSE_H */
