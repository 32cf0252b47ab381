/*
 * findings.h
 *	  What misfits come to: one finding per class and column.
 *
 * A diagnosis may read a million held rows; what is kept of them is bounded
 * by the number of different classes and columns, and of each by what infer.h,
 * samples.h and FINDING_LABELS keep. The findings are appended to the
 * diagnosis in the order in which they first appear.
 */
#ifndef SELFHEAL_FINDINGS_H
#define SELFHEAL_FINDINGS_H

#include "postgres.h"

#include "orient/alike.h"
#include "orient/diagnose.h"

typedef struct Findings Findings;

/* For this diagnosis, whose shape is known, in cxt, where all that it finds
 * will be. */
extern Findings *findings_begin(Diagnosis *diagnosis, Alike *alike, MemoryContext cxt);

/* The finding of this class and column (NULL: the row), made when it is the
 * first. */
extern Finding *findings_of(Findings *f, FitClass class, const char *column);

/* Count one misfit of the held row that the shape has just fitted, and learn
 * from the value behind it. Returns its finding. */
extern Finding *findings_note(Findings *f, const Misfit *misfit, int64 row);

/* All findings of one row: which drift came with a bad value, which without. */
extern void findings_together(Findings *f, Finding *const *row, int n);

/* Keep the word that an enum lacks, once. */
extern void findings_label(Findings *f, Finding *finding, const char *label);

/* Keep what does not fit in a held row: a value, a key or a payload. */
extern void findings_sample(Findings *f, Finding *finding, int64 row, JsonKind kind,
							const char *val, size_t len);

/* All rows are read: say which new keys are like others. Frees itself; the
 * findings stay in the diagnosis. */
extern void findings_end(Findings *f);

#endif							/* SELFHEAL_FINDINGS_H */
