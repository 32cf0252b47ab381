/*
 * taught.h
 *	  Which columns has selfheal itself added, by how few values?
 *
 * A new column gets the type that its values prove, and three values prove
 * little. So the add_column step of a plan remembers how many there were, as
 * long as they are fewer than TAUGHT_ENOUGH, and what contradicts such a type
 * need not come in a share of all rows (share.h) before another is offered.
 */
#ifndef SELFHEAL_TAUGHT_H
#define SELFHEAL_TAUGHT_H

#include "postgres.h"

/* So many values, and the column counts like anybody's. */
#define TAUGHT_ENOUGH 20

struct Diagnosis;
struct Finding;

/*
 * Fill in taught of each finding about a column that an applied plan of
 * selfheal's own added by fewer values than that, and that nobody else has
 * changed since: it has the type that selfheal gave it last, no default and no
 * NOT NULL; no hint is about it; and no command of anybody else that was run
 * on the table since names it. A command that hides what it does (a DO, a
 * function, one that was clipped) is taken for one that names it.
 */
extern void taught_findings(struct Diagnosis *diagnosis);

/* "selfheal itself added the column by 2 values (evidence: 2)" */
extern char *taught_words(const struct Finding *f);

#endif							/* SELFHEAL_TAUGHT_H */
