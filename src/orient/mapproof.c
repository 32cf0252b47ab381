/*
 * mapproof.c
 *	  What would a mapping do to the rows that are held?
 */
#include "postgres.h"

#include "access/table.h"
#include "base/guc.h"
#include "base/spi.h"
#include "miscadmin.h"
#include "observe/held.h"
#include "observe/hint.h"
#include "observe/load.h"
#include "observe/loader.h"
#include "orient/mapproof.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#define FIT_SECURITY \
	(SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION)

/* Rows of one fetch. */
#define STEP_ROWS 1000

typedef struct Proof
{
	MapProof   *result;
	MemoryContext cxt;			/* of the result */
	MemoryContext row_cxt;
	const Mapping *m;
	int			number;			/* its place among the mappings */
	bool		part;			/* it takes a part of its key's object */
	Shape	   *shape;
	JsonScanner *scanner;

	/* the rows that are fitted now; these outlive a throw */
	const HeldRow *rows;
	int			n;
	int			at;
	const JsonDoc *doc;
	int			nthrown;		/* of the row at hand */
	bool		threw_here;		/* one at the mapping's key or column */
	bool		decoded;
	char	   *text;			/* that was decoded */
} Proof;

/* Is it about this key or column? The mapping of whole payloads is about what
 * is wrong with all of it. */
static bool
is_here(const Proof *p, const Misfit *misfit)
{
	if (p->m->kind == MAP_DECODE_TEXT)
		return misfit->class == FIT_BAD_ENCODING;
	if (p->m->kind == MAP_OVERFLOW && (misfit->class == FIT_UNKNOWN_KEY ||
									   misfit->class == FIT_KEY_TOO_LONG ||
									   misfit->class == FIT_BAD_KEY))
		return true;
	return misfit->column != NULL &&
		((p->m->field && !p->part && strncmp(misfit->column, p->m->field, NAMEDATALEN - 1) == 0) ||
		 (p->m->column && strcmp(misfit->column, p->m->column) == 0));
}

static void
note_left(Proof *p, Misfit *misfit)
{
	if (p->result->left != NULL)
		return;
	fit_words(misfit);
	p->result->left = MemoryContextStrdup(p->cxt, misfit->message);
}

/* One row has been fitted. */
static void
note_row(Proof *p, const FitRow *fit)
{
	bool		used = p->decoded;
	bool		here = p->threw_here;

	for (int i = 0; i < fit->nused; i++)
		used |= fit->used[i] == p->number;
	for (int i = 0; i < fit->nmisfits; i++)
		if (is_here(p, &fit->misfits[i]))
		{
			note_left(p, &fit->misfits[i]);
			here = true;
		}
	p->result->rows++;
	p->result->about += used || here;
	p->result->fits += used && !here;
}

/* The document of the row at hand; NULL: it has none. */
static const JsonDoc *
scan_held(Proof *p, const StoreRow *row)
{
	const char *bytes = row->bytes;
	size_t		len = row->len;

	p->decoded = false;
	if (row->torn || len > (size_t) guc_max_payload * 1024)
		return NULL;
	if (row->bad_encoding)
	{
		MemoryContext old = MemoryContextSwitchTo(p->cxt);
		int			by;

		if (p->text)
			pfree(p->text);
		p->text = NULL;
		by = fit_decode(p->shape, bytes, len, &bytes, &len);
		MemoryContextSwitchTo(old);
		if (by < 0)
			return NULL;
		p->text = unconstify(char *, bytes);
		p->decoded = by == p->number;
	}
	return store_scan(p->scanner, row, bytes, len);
}

/* A row whose bytes are no text, whatever is tried. */
static void
note_unread(Proof *p)
{
	bool		about = p->m->kind == MAP_DECODE_TEXT && p->rows[p->at].row.bad_encoding;

	p->result->rows++;
	p->result->about += about;
	if (about && p->result->left == NULL)
		p->result->left = MemoryContextStrdup(p->cxt, "the bytes are of none of the encodings");
}

/* Fit rows from p->at on: the body of a subtransaction. */
static void
fit_rows(void *arg)
{
	Proof	   *p = arg;

	for (; p->at < p->n; p->at++)
	{
		FitRow		fit;

		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(p->row_cxt);
		MemoryContextSwitchTo(p->row_cxt);
		p->shape->partial = p->rows[p->at].row.witness == WITNESS_PART;
		if (p->nthrown > 0)
			(void) fit_row_again(p->shape, p->doc, &fit);
		else
		{
			p->doc = scan_held(p, &p->rows[p->at].row);
			if (p->doc == NULL)
			{
				note_unread(p);
				continue;
			}
			(void) fit_row(p->shape, p->doc, &fit);
		}
		note_row(p, &fit);
		p->nthrown = 0;
		p->threw_here = false;
	}
}

/* Rows of one role and one set of settings. A role that is gone leaves the
 * table's owner, with a search_path that nobody else chose. */
static void
prove_run(Proof *p, const HeldRow *rows, const LoaderRun *run, Oid owner)
{
	SpiUser		saved;
	ErrorData  *edata;

	p->rows = rows + run->first;
	p->n = run->n;
	p->at = 0;
	if (OidIsValid(run->role))
	{
		spi_become(&saved, run->role, FIT_SECURITY, false);
		load_apply_settings(run->settings);
	}
	else
		spi_become(&saved, owner, FIT_SECURITY, true);
	while ((edata = spi_try(fit_rows, p)) != NULL)
	{
		Misfit		misfit = {0};

		if (!fit_culprit(p->shape, edata, &misfit) || p->nthrown++ > 2 * p->shape->ncols)
			ReThrowError(edata);
		if (is_here(p, &misfit))
		{
			p->threw_here = true;
			note_left(p, &misfit);
		}
		FreeErrorData(edata);
	}
	spi_resume(&saved);
}

/* A proof at work: its table is open, and its memory below the caller's. */
typedef struct Proving
{
	Relation	rel;
	Oid			owner;
	MemoryContext caller;
	MemoryContext cxt;
	MemoryContext step_cxt;
	Proof		p;
} Proving;

static void
proving_begin(Proving *w, Oid relid, const List *present, const Mapping *m)
{
	char	   *path[FIT_PATH_MAX];
	List	   *mappings;
	SpiUser		saved;
	Proof	   *p = &w->p;

	memset(w, 0, sizeof(Proving));
	w->rel = table_open(relid, AccessShareLock);
	w->owner = w->rel->rd_rel->relowner;
	w->caller = CurrentMemoryContext;
	w->cxt = AllocSetContextCreate(w->caller, "selfheal mapping proof", ALLOCSET_DEFAULT_SIZES);
	w->step_cxt = AllocSetContextCreate(w->cxt, "selfheal mapping proof step", ALLOCSET_DEFAULT_SIZES);
	p->m = m;
	p->cxt = w->caller;
	p->result = palloc0(sizeof(MapProof));
	MemoryContextSwitchTo(w->cxt);
	p->row_cxt = AllocSetContextCreate(w->cxt, "selfheal mapping proof row", ALLOCSET_DEFAULT_SIZES);
	/* looking up a domain's constraints folds their constants: not as us */
	spi_become(&saved, w->owner, FIT_SECURITY, true);
	p->shape = fit_shape(w->rel, w->cxt);
	spi_resume(&saved);
	mappings = mapping_with(present, list_make1(unconstify(Mapping *, m)));
	hint_apply(hint_list(relid), p->shape);
	mapping_apply(mappings, p->shape);
	for (p->number = 0; list_nth(mappings, p->number) != m;)
		p->number++;
	p->part = mapping_path(m, path, NULL) > 0;
	p->scanner = json_scanner(w->cxt);
	MemoryContextSwitchTo(w->step_cxt);
}

/* Rows of any roles and settings. */
static void
proving_rows(Proving *w, const HeldRow *rows, int n)
{
	Loader	   *loader = loader_open(rows, n);
	LoaderRun	run;

	while (loader_next(loader, &run))
		prove_run(&w->p, rows, &run, w->owner);
}

static MapProof *
proving_end(Proving *w, bool all)
{
	w->p.result->all = all;
	table_close(w->rel, NoLock);
	MemoryContextSwitchTo(w->caller);
	MemoryContextDelete(w->cxt);
	return w->p.result;
}

/* See the header. */
MapProof *
mapproof_held(Oid relid, const List *present, const Mapping *m, int64 limit)
{
	Proving		w;
	HeldBatch	batch = {.more = true};

	proving_begin(&w, relid, present, m);
	while (batch.more && w.p.result->rows < limit)
	{
		MemoryContextReset(w.step_cxt);
		held_fetch(relid, NULL, 0, batch.last, (int) Min(STEP_ROWS, limit - w.p.result->rows),
				   false, &batch);
		proving_rows(&w, batch.rows, batch.n);
	}
	return proving_end(&w, !batch.more);
}

/* See the header. */
MapProof *
mapproof_rows(Oid relid, const List *present, const Mapping *m, const HeldRow *rows, int n)
{
	Proving		w;

	proving_begin(&w, relid, present, m);
	proving_rows(&w, rows, n);
	return proving_end(&w, true);
}
