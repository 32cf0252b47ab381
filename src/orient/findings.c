/*
 * findings.c
 *	  What misfits come to: one finding per class and column.
 */
#include "postgres.h"

#include "observe/contract.h"
#include "orient/findings.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

/* Findings are one per class and column; no column's name is longer. */
typedef struct FindingKey
{
	int			class;
	bool		of_row;			/* no column */
	char		column[NAMEDATALEN];
} FindingKey;

typedef struct FindingEntry
{
	FindingKey	key;
	Finding    *finding;
} FindingEntry;

struct Findings
{
	Diagnosis  *diagnosis;
	Alike	   *alike;			/* new keys and the names they may stand for */
	MemoryContext cxt;			/* of the result */
	HTAB	   *index;
};

/* See the header. */
Findings *
findings_begin(Diagnosis *diagnosis, Alike *alike, MemoryContext cxt)
{
	Findings   *f = MemoryContextAllocZero(cxt, sizeof(Findings));
	HASHCTL		ctl;

	f->diagnosis = diagnosis;
	f->alike = alike;
	f->cxt = cxt;
	memset(&ctl, 0, sizeof(ctl));
	ctl.keysize = sizeof(FindingKey);
	ctl.entrysize = sizeof(FindingEntry);
	ctl.hcxt = f->cxt;
	f->index = hash_create("selfheal findings", 64, &ctl,
						   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	return f;
}

/* See the header. */
Finding *
findings_of(Findings *f, FitClass class, const char *column)
{
	FindingKey	key;
	FindingEntry *entry;
	Finding    *finding;
	MemoryContext old;
	bool		found;
	int			col;

	memset(&key, 0, sizeof(key));
	key.class = class;
	if (column)
		strlcpy(key.column, column, sizeof(key.column));
	else
		key.of_row = true;
	entry = hash_search(f->index, &key, HASH_ENTER, &found);
	if (found)
		return entry->finding;

	old = MemoryContextSwitchTo(f->cxt);
	finding = palloc0(sizeof(Finding));
	entry->finding = finding;
	finding->class = class;
	infer_init(&finding->evidence);
	if (column)
	{
		finding->column = pstrdup(column);
		col = fit_column(f->diagnosis->shape, column, (int) strlen(column));
		if (col >= 0)
			finding->target = &f->diagnosis->shape->cols[col];
		if (class == FIT_UNKNOWN_KEY)
			finding->key = alike_key(f->alike, finding->column);
	}
	f->diagnosis->findings = lappend(f->diagnosis->findings, finding);
	MemoryContextSwitchTo(old);
	return finding;
}

/* A value that no wider column would hold. */
static bool
is_bad(const Finding *finding)
{
	return finding->class > FIT_ENUM_LABEL && finding->class < FIT_UNIQUE;
}

/* See the header. */
void
findings_together(Findings *f, Finding *const *row, int n)
{
	MemoryContext old = MemoryContextSwitchTo(f->cxt);
	bool		bad = false;

	for (int i = 0; i < n; i++)
	{
		if (!is_bad(row[i]))
			continue;
		bad = true;
		for (int k = 0; k < n; k++)
			if (!is_bad(row[k]) && !row[k]->alone)
				row[k]->beside = list_append_unique_ptr(row[k]->beside, row[i]);
	}
	for (int i = 0; i < n && !bad; i++)
		row[i]->alone = true;
	MemoryContextSwitchTo(old);
}

/* See the header. */
void
findings_label(Findings *f, Finding *finding, const char *label)
{
	MemoryContext old;
	ListCell   *lc;

	foreach(lc, finding->labels)
	{
		if (strcmp(lfirst(lc), label) == 0)
			return;
	}
	if (list_length(finding->labels) == FINDING_LABELS)
	{
		finding->many_labels = true;
		return;
	}
	old = MemoryContextSwitchTo(f->cxt);
	finding->labels = lappend(finding->labels, pstrdup(label));
	MemoryContextSwitchTo(old);
}

/*
 * Can a value of this class be one that is only written in another notation?
 * A number that has a fraction or too many digits may be: 1.234 is one for
 * whoever writes 1.234.567,89 beside it.
 */
static bool
may_be_notation(FitClass class)
{
	return class == FIT_WRONG_TYPE || class == FIT_BAD_VALUE || class == FIT_ENUM_LABEL ||
		class == FIT_FRACTION || class == FIT_SCALE;
}

/* See the header. */
void
findings_sample(Findings *f, Finding *finding, int64 row, JsonKind kind, const char *val,
				size_t len)
{
	if (finding->samples == NULL)
		finding->samples = samples_open(f->cxt);
	samples_note(finding->samples, kind, val, len, row);
}

/* What the table's contract says of a finding, for the incident's reason. */
static char *
contract_says(const Findings *f, FitTerm term)
{
	const char *words = contract_words(f->diagnosis->shape);

	switch (term)
	{
		case TERM_EVOLVE:
			break;
		case TERM_FREEZE:
			return psprintf("frozen by contract (%s): such rows stay held, and no step is taken for them", words);
		case TERM_DISCARD_VALUE:
			return psprintf("left out by contract (%s): the row is stored as if the key were absent", words);
		case TERM_DISCARD_ROW:
			return psprintf("discarded by contract (%s): the row is not stored", words);
	}
	return NULL;
}

/* See the header. */
Finding *
findings_note(Findings *f, const Misfit *misfit, int64 row)
{
	Finding    *finding = findings_of(f, misfit->class, misfit->column);

	finding->last_id = row;
	if (finding->rows++ == 0)
	{
		Misfit		words = *misfit;

		fit_words(&words);
		finding->first_id = row;
		finding->message = MemoryContextStrdup(f->cxt, words.message);
		finding->sqlstate = misfit->sqlstate;
		finding->term = fit_term(f->diagnosis->shape, misfit);
		if (finding->term != TERM_EVOLVE)
			finding->contract = MemoryContextStrdup(f->cxt, contract_says(f, finding->term));
	}
	if (misfit->field > 0)
	{
		const JsonDoc *doc = fit_doc(f->diagnosis->shape);
		const JsonField *field = &doc->fields[misfit->field - 1];

		infer_value(&finding->evidence, misfit->class == FIT_UNKNOWN_KEY ? json_kind(doc, field) : field->kind,
					field->val, field->len);
		if (misfit->class == FIT_KEY_TOO_LONG)
			findings_sample(f, finding, row, JSON_STRING, field->key, field->keylen);
		else if (may_be_notation(misfit->class))
			findings_sample(f, finding, row, field->kind, field->val, field->len);
	}
	if (misfit->class == FIT_ENUM_LABEL && misfit->need != NULL)
		findings_label(f, finding, misfit->need);
	return finding;
}

/* See the header. */
void
findings_end(Findings *f)
{
	ListCell   *lc;

	foreach(lc, f->diagnosis->findings)
	{
		Finding    *finding = lfirst(lc);

		if (finding->class == FIT_UNKNOWN_KEY && finding->column != NULL)
			finding->alike = alike_of(f->alike, finding->key);
	}
	hash_destroy(f->index);
	pfree(f);
}
