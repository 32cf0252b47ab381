/*
 * diagnose.c
 *	  What do all held payloads of a table need, column by column?
 *
 * The reasons for which rows were held belong to the table as it was then.
 * What counts for a plan is the table as it is now, so every held payload is
 * fitted again, and the reasons are gathered by class and column together
 * with the shapes of the values behind them (findings.c). A row that was held
 * for what only an insert can find (a constraint, a trigger) fits here; replay
 * tells.
 *
 * Rows are fitted as the role that loaded them, restricted, and under their
 * load's settings, as the replay will do it: a domain's check is user code,
 * and the same text is another day under another DateStyle. (As the owner,
 * the load's search_path would let a producer choose what the owner runs.)
 * Where only an insert could find a null (fills.h), its word is taken over from
 * the row's error. fit_row may throw, so it runs in a subtransaction;
 * after a throw the same row goes on without the value that threw, in a new
 * one. A million rows that do not throw cost one per batch and loader.
 */
#include "postgres.h"

#include "access/table.h"
#include "base/guc.h"
#include "base/spi.h"
#include "miscadmin.h"
#include "observe/contract.h"
#include "observe/held.h"
#include "observe/heldwhy.h"
#include "observe/hint.h"
#include "observe/loader.h"
#include "observe/mapping.h"
#include "observe/misfits.h"
#include "orient/alike.h"
#include "orient/brought.h"
#include "orient/diagnose.h"
#include "orient/findings.h"
#include "orient/nullerrors.h"
#include "orient/taught.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#define BATCH_ROWS 10000

/* User code is not to outlive our switch of role, nor to switch itself. */
#define FIT_SECURITY \
	(SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION)

/* One diagnosis under way. */
typedef struct Survey
{
	Diagnosis  *diagnosis;
	MemoryContext cxt;			/* of the result */
	MemoryContext row_cxt;		/* reset for each row */
	Findings   *findings;
	JsonScanner *scanner;
	NullErrors *nulls;			/* of the held rows, or NULL */
	Alike	   *alike;			/* new keys and the names they may stand for */
	BroughtAll *brought;		/* values that CHECKs refused, or NULL */

	/* the rows that are fitted now; at and doc outlive a throw */
	const HeldRow *rows;
	int			n;
	int			at;
	const JsonDoc *doc;
	char	   *decoded;		/* what a mapping has made of bytes, or NULL */
	MemoryContext thrown_cxt;	/* reset for each row that has thrown */
	List	   *thrown;			/* Misfit *, of the row at hand */
	bool		telling;		/* findings, too, for what is discarded */
} Survey;

/* Does the contract give the row up for one of its misfits? */
static bool
given_up(const Survey *s, const FitRow *fit)
{
	const Shape *shape = s->diagnosis->shape;

	if (shape->columns != TERM_DISCARD_ROW && shape->types != TERM_DISCARD_ROW)
		return false;
	for (int i = 0; i < fit->nmisfits; i++)
		if (fit_term(shape, &fit->misfits[i]) == TERM_DISCARD_ROW)
			return true;
	return false;
}

/* Put what has thrown, but for values that are left out, among the misfits. */
static void
merge_thrown(Survey *s, FitRow *fit)
{
	List	   *kept = NIL;
	ListCell   *lc;

	foreach(lc, s->thrown)
	{
		if (fit_term(s->diagnosis->shape, lfirst(lc)) != TERM_DISCARD_VALUE)
			kept = lappend(kept, lfirst(lc));
		else if (s->telling)
			(void) findings_note(s->findings, lfirst(lc), s->rows[s->at].id);
	}
	misfits_merge(fit, kept);
}

/* Note all misfits of a row, and which new keys came together. */
static void
note_fit(Survey *s, const FitRow *fit)
{
	int64		row = s->rows[s->at].id;
	int		   *keys = NULL;
	Finding   **together;
	int			n = 0;

	if (given_up(s, fit) && !s->telling)
	{
		s->diagnosis->fitting++;
		return;
	}
	if (fit->nmisfits == 0)
	{
		s->diagnosis->fitting++;
		if (s->brought != NULL)
			brought_note(s->brought, s->rows[s->at].error, fit);
	}
	for (int i = 0; s->telling && i < fit->nleft; i++)
		(void) findings_note(s->findings, &fit->left[i], row);
	together = fit->nmisfits > 0 ? palloc(sizeof(Finding *) * fit->nmisfits) : NULL;
	for (int i = 0; i < fit->nmisfits; i++)
	{
		Finding    *finding = findings_note(s->findings, &fit->misfits[i], row);

		together[i] = finding;
		if (finding->class != FIT_UNKNOWN_KEY)
			continue;
		if (keys == NULL)
			keys = palloc(sizeof(int) * fit->nmisfits);
		keys[n++] = finding->key;
	}
	findings_together(s->findings, together, fit->nmisfits);
	if (n > 0)
		alike_together(s->alike, keys, n, fit);
}

/* Bytes that a mapping makes text of. */
static bool
decoded(Survey *s, const StoreRow *row, const char **bytes, size_t *len)
{
	MemoryContext old = MemoryContextSwitchTo(s->cxt);
	bool		made;

	if (s->decoded)
		pfree(s->decoded);
	s->decoded = NULL;
	made = row->len <= (size_t) guc_max_payload * 1024 &&
		fit_decode(s->diagnosis->shape, row->bytes, row->len, bytes, len) >= 0;
	if (made)
		s->decoded = unconstify(char *, *bytes);
	MemoryContextSwitchTo(old);
	return made;
}

/* A row that is not even scanned: no text, or too much of it. Else *bytes and
 * *len are its text. */
static bool
note_unread(Survey *s, const char **bytes, size_t *len)
{
	const StoreRow *row = &s->rows[s->at].row;
	Finding    *finding;
	Misfit		misfit;

	memset(&misfit, 0, sizeof(misfit));
	*bytes = row->bytes;
	*len = row->len;
	if (row->torn)
	{
		misfit.class = FIT_BAD_LINE;
		misfit.message = FIT_BAD_LINE_WORDS;
	}
	else if (row->bad_encoding && !decoded(s, row, bytes, len))
	{
		misfit.class = FIT_BAD_ENCODING;
		misfit.message = "the payload is not valid text in the server's encoding";
	}
	else if (row->len > (size_t) guc_max_payload * 1024)
	{
		misfit.class = FIT_TOO_LARGE;
		misfit.message = "the payload is larger than selfheal.max_payload";
	}
	else
		return false;
	finding = findings_note(s->findings, &misfit, s->rows[s->at].id);
	if (misfit.class == FIT_BAD_ENCODING)
		findings_sample(s->findings, finding, s->rows[s->at].id, JSON_STRING, row->bytes, row->len);
	return true;
}

/*
 * Fit rows from s->at on: the body of a subtransaction. When fit_row throws,
 * nothing of that row has been counted yet.
 */
static void
fit_rows(void *arg)
{
	Survey	   *s = arg;
	MemoryContext old = MemoryContextSwitchTo(s->row_cxt);

	for (; s->at < s->n; s->at++)
	{
		Shape	   *shape = s->diagnosis->shape;
		FitRow		fit;

		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(s->row_cxt);
		shape->insisted = nullerrors_column(s->nulls, s->rows[s->at].error);
		shape->partial = s->rows[s->at].row.witness == WITNESS_PART;
		if (s->thrown != NIL)
			(void) fit_row_again(shape, s->doc, &fit);
		else
		{
			const char *bytes;
			size_t		len;

			if (note_unread(s, &bytes, &len))
				continue;
			s->doc = store_scan(s->scanner, &s->rows[s->at].row, bytes, len);
			(void) fit_row(shape, s->doc, &fit);
		}
		merge_thrown(s, &fit);
		note_fit(s, &fit);
		if (s->thrown != NIL)
			MemoryContextReset(s->thrown_cxt);
		s->thrown = NIL;
	}
	MemoryContextSwitchTo(old);
}

/* Fit n rows, whatever some of their values throw. */
static void
survey_rows(Survey *s, const HeldRow *rows, int n)
{
	ErrorData  *edata;

	s->rows = rows;
	s->n = n;
	s->at = 0;
	s->thrown = NIL;
	while ((edata = spi_try(fit_rows, s)) != NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(s->thrown_cxt);
		Misfit	   *misfit = palloc0(sizeof(Misfit));

		/* Not a value's fault: nothing else would stop this loop. */
		if (!fit_culprit(s->diagnosis->shape, edata, misfit))
			ReThrowError(edata);
		s->thrown = lappend(s->thrown, misfit);
		MemoryContextSwitchTo(old);
		FreeErrorData(edata);
	}
	s->diagnosis->rows += n;
}

/* Can role and settings of a load change how a value is read, or what a check
 * says? Not when every column is of a type that fit judges by itself. */
static bool
loads_matter(const Shape *shape)
{
	int			i;

	for (i = 0; i < shape->ncols; i++)
	{
		if (shape->cols[i].tclass == TYPE_OTHER || shape->cols[i].is_domain)
			return true;
	}
	return false;
}

/*
 * Begin a diagnosis in the current context; the table stays locked. Even the
 * shape is read as the table's owner: to look up a domain's constraints is to
 * have their constant parts folded, which runs functions (typcache.c).
 */
static Survey *
begin_survey(Relation rel)
{
	Survey	   *s = palloc0(sizeof(Survey));
	SpiUser		saved;

	s->cxt = CurrentMemoryContext;
	s->diagnosis = palloc0(sizeof(Diagnosis));
	s->diagnosis->relid = RelationGetRelid(rel);
	spi_become(&saved, rel->rd_rel->relowner, FIT_SECURITY, true);
	s->diagnosis->shape = fit_shape(rel, s->cxt);
	spi_resume(&saved);
	s->diagnosis->hints = hint_list(s->diagnosis->relid);
	hint_apply(s->diagnosis->hints, s->diagnosis->shape);
	contract_apply(s->diagnosis->relid, s->diagnosis->shape);
	mapping_apply(mapping_list(s->diagnosis->relid), s->diagnosis->shape);
	fit_each_nul(s->diagnosis->shape);
	s->alike = alike_begin(s->diagnosis->shape, s->cxt);
	s->scanner = json_scanner(s->cxt);
	s->row_cxt = AllocSetContextCreate(s->cxt, "selfheal diagnose row",
									   ALLOCSET_DEFAULT_SIZES);
	s->thrown_cxt = AllocSetContextCreate(s->cxt, "selfheal diagnose thrown",
										  ALLOCSET_SMALL_SIZES);
	s->findings = findings_begin(s->diagnosis, s->alike, s->cxt);
	return s;
}

static Diagnosis *
end_survey(Survey *s)
{
	Diagnosis  *diagnosis = s->diagnosis;

	findings_end(s->findings);
	json_scanner_free(s->scanner);
	MemoryContextDelete(s->row_cxt);
	MemoryContextDelete(s->thrown_cxt);
	pfree(s);
	return diagnosis;
}

/*
 * Fit rows of one role and one set of settings. A role that is gone leaves the
 * table's owner, with a search_path that nobody else chose.
 */
static void
survey_run(Survey *s, const HeldRow *rows, const LoaderRun *run, Oid owner)
{
	SpiUser		saved;

	if (OidIsValid(run->role))
	{
		spi_become(&saved, run->role, FIT_SECURITY, false);
		load_apply_settings(run->settings);
	}
	else
		spi_become(&saved, owner, FIT_SECURITY, true);
	survey_rows(s, rows + run->first, run->n);
	spi_resume(&saved);
}

/*
 * Fit one fetched batch. Rows come in order of id, so those of a loader mostly
 * stand together; where loaders make no difference they go in one.
 */
static void
survey_batch(Survey *s, const HeldRow *rows, int n, Oid owner, bool by_loader)
{
	LoaderRun	run = {.n = n};
	Loader	   *loader;

	if (!by_loader)
	{
		survey_run(s, rows, &run, owner);
		return;
	}
	loader = loader_open(rows, n);
	while (loader_next(loader, &run))
		survey_run(s, rows, &run, owner);
}

static HeldTally *
find_tally(const Diagnosis *diagnosis, int64 incident)
{
	ListCell   *lc;

	foreach(lc, diagnosis->held)
	{
		if (((HeldTally *) lfirst(lc))->incident == incident)
			return lfirst(lc);
	}
	return NULL;
}

/* Count the rows of each incident on the way, as they are read anyhow. */
static void
tally_batch(Survey *s, const HeldRow *rows, int n)
{
	int			ntallies;
	HeldTally  *tallies = heldwhy_tally(rows, n, &ntallies);
	MemoryContext old = MemoryContextSwitchTo(s->cxt);

	for (int i = 0; i < ntallies; i++)
	{
		HeldTally  *tally = find_tally(s->diagnosis, tallies[i].incident);

		if (tally == NULL)
		{
			tally = palloc0(sizeof(HeldTally));
			tally->incident = tallies[i].incident;
			s->diagnosis->held = lappend(s->diagnosis->held, tally);
		}
		tally->rows += tallies[i].rows;
	}
	MemoryContextSwitchTo(old);
}

/* See the header. */
int64
diagnose_held(const Diagnosis *diagnosis, int64 incident)
{
	const HeldTally *tally = find_tally(diagnosis, incident);

	return tally ? tally->rows : 0;
}

/* Findings for what inserts refused rows for that are still held, and for what
 * nobody has met yet but will (an error of no row). */
static void
note_refused(Survey *s)
{
	MemoryContext old = MemoryContextSwitchTo(s->cxt);
	ListCell   *lc;

	foreach(lc, refused_read(s->diagnosis->relid))
	{
		Refused    *refused = lfirst(lc);
		int64		rows = diagnose_held(s->diagnosis, refused->incident);
		Finding    *finding;

		if (rows == 0 && refused->need == NULL && !refused->foreseen)
			continue;
		finding = findings_of(s->findings, refused->class, refused->column);
		finding->rows = Max(finding->rows, rows);
		if (refused->class == FIT_ENUM_LABEL && refused->need != NULL)
			findings_label(s->findings, finding, refused->need);
		if (finding->refused == NIL)
		{
			finding->message = refused->message;
			finding->sqlstate = refused->sqlstate;
		}
		if (refused->class == FIT_CHECK)
			refused->brought = brought_of(s->brought, refused->constraint);
		finding->refused = lappend(finding->refused, refused);
	}
	MemoryContextSwitchTo(old);
}

/*
 * Diagnose a table by its held rows: by all, or by those of one incident and
 * only until one fits. Result in the current context; the table's
 * AccessShareLock is kept. Throws when the table is gone.
 */
static Diagnosis *
diagnose(Oid relid, int64 incident)
{
	Relation	rel = table_open(relid, AccessShareLock);
	Oid			owner = rel->rd_rel->relowner;
	Survey	   *s = begin_survey(rel);
	bool		by_loader = loads_matter(s->diagnosis->shape);
	MemoryContext batch;
	HeldBatch	held = {.more = true};
	int			ncounted = 1;
	int64	   *counted = incident ? &incident : heldwhy_wanted(relid, &ncounted);

	table_close(rel, NoLock);
	s->nulls = nullerrors_read(relid, s->diagnosis->shape, s->cxt);
	if (incident == 0)
		s->brought = brought_begin(s->diagnosis->shape, s->cxt);
	batch = AllocSetContextCreate(s->cxt, "selfheal diagnose batch",
								  ALLOCSET_DEFAULT_SIZES);
	while (held.more)
	{
		MemoryContext old = MemoryContextSwitchTo(batch);

		held_fetch(relid, counted, ncounted, held.last, BATCH_ROWS, false, &held);
		if (incident == 0)
			tally_batch(s, held.rows, held.n);
		survey_batch(s, held.rows, held.n, owner, by_loader);
		MemoryContextSwitchTo(old);
		if (incident && s->diagnosis->fitting > 0)
			break;
		MemoryContextReset(batch);
	}
	MemoryContextDelete(batch);
	if (incident == 0)
	{
		note_refused(s);
		share_findings(s->diagnosis);
		taught_findings(s->diagnosis);
	}
	return end_survey(s);
}

Diagnosis *
diagnose_table(Oid relid)
{
	return diagnose(relid, 0);
}

bool
diagnose_fits(Oid relid, int64 incident)
{
	return diagnose(relid, incident)->fitting > 0;
}

/* One payload, as spi_trial's argument. */
typedef struct PayloadSurvey
{
	Oid			relid;
	HeldRow		row;
	Diagnosis  *result;
} PayloadSurvey;

static void
survey_payload(void *arg)
{
	PayloadSurvey *p = arg;
	Relation	rel = table_open(p->relid, AccessShareLock);
	Oid			owner = rel->rd_rel->relowner;
	Survey	   *s = begin_survey(rel);
	SpiUser		saved;

	s->telling = true;
	table_close(rel, NoLock);
	spi_become(&saved, owner, FIT_SECURITY, true);
	survey_rows(s, &p->row, 1);
	spi_resume(&saved);
	taught_findings(s->diagnosis);
	p->result = end_survey(s);
}

/*
 * The same for one payload that is stored nowhere. Whoever asks need not trust
 * the table's owner: a domain's checks run as the owner, not as him, and what
 * they do is rolled back.
 */
Diagnosis *
diagnose_payload(Oid relid, const char *bytes, size_t len)
{
	PayloadSurvey p = {.relid = relid};
	ErrorData  *edata;

	p.row.row.bytes = bytes;
	p.row.row.len = len;
	edata = spi_trial(survey_payload, &p);
	if (edata)
		ReThrowError(edata);
	return p.result;
}
