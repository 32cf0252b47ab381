/*
 * reasons.c
 *	  The reasons of one load, counted per class, column and constraint.
 *
 * Ids are taken at first sight, since held rows point at them; the rows are
 * written at the end, when the counts are known. A producer whose keys are
 * different in every row would make a reason per row: past a limit the column
 * is left out, so that the table of reasons stays a table of reasons.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "mb/pg_wchar.h"
#include "observe/capture.h"
#include "observe/misfits.h"
#include "observe/reasons.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

/* Distinct (class, column, constraint) of one load that are kept apart. */
#define REASONS_MAX 1000

typedef struct Reason
{
	int64		id;
	Misfit		misfit;			/* the first; need: the widest */
	ErrorData  *edata;			/* copied, or NULL */
	int64		rows;
	int64		position;
	char	   *sample;
	int			sample_len;
	int64		first_bulk;
	int64		last_bulk;
	const char *constraint;		/* that refused the row, or NULL */
	struct Reason *same_hash;
	struct Reason *next;		/* in order of id */
} Reason;

typedef struct ReasonSlot
{
	uint64		hash;			/* key */
	Reason	   *first;
} ReasonSlot;

struct Reasons
{
	MemoryContext cxt;
	Oid			relid;
	int64		load;
	const char *door;
	HTAB	   *slots;
	int			n;
	Reason	   *head;
	Reason	   *tail;
	Reason	   *last;			/* of the misfit before: mostly this one's too */
};

/* See the header. */
Reasons *
reasons_begin(Oid relid, int64 load, const char *door)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext,
											  "selfheal reasons",
											  ALLOCSET_DEFAULT_SIZES);
	Reasons    *r = MemoryContextAllocZero(cxt, sizeof(Reasons));
	HASHCTL		ctl = {0};

	r->cxt = cxt;
	r->relid = relid;
	r->load = load;
	r->door = door;
	ctl.keysize = sizeof(uint64);
	ctl.entrysize = sizeof(ReasonSlot);
	ctl.hcxt = cxt;
	r->slots = hash_create("selfheal reasons", 64, &ctl,
						   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	return r;
}

/*
 * The error by which an insert refused the row, NULL when our own check found
 * the misfit.
 */
static const ErrorData *
error_of(const Misfit *misfit, const StoreRow *row)
{
	if (misfit->error)
		return misfit->error;
	return row->nmisfits == 1 ? row->edata : NULL;
}

/* See the header. */
const char *
reasons_constraint(const Misfit *misfit, const StoreRow *row)
{
	const ErrorData *edata;

	if (misfit->class != FIT_UNIQUE && misfit->class != FIT_FOREIGN_KEY &&
		misfit->class != FIT_CHECK && misfit->class != FIT_EXCLUSION)
		return NULL;
	edata = error_of(misfit, row);
	return edata ? edata->constraint_name : NULL;
}

static uint64
hash_name(const char *name, uint64 seed)
{
	return name ? hash_bytes_extended((const unsigned char *) name, strlen(name), seed) : seed;
}

static bool
same_name(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static char *
copy_string(const char *s)
{
	return s ? pstrdup(s) : NULL;
}

/*
 * Numbers in parentheses of a type: "numeric(12,2)" gives 2, 12 and 2. Not by
 * sscanf: every row that needs another width than the last one comes here.
 */
static int
type_numbers(const char *type, int *a, int *b)
{
	const char *s = strchr(type, '(');
	char	   *end;

	if (s == NULL)
		return 0;
	*a = strtol(s + 1, &end, 10);
	if (end == s + 1 || *end != ',')
		return end > s + 1;
	s = end;
	*b = strtol(s + 1, &end, 10);
	return end > s + 1 ? 2 : 1;
}

/*
 * The wider of two needs of one column: of varchar(n) the greater n, of
 * numeric(p,s) room for both, else the type further up the ladder. For people;
 * the plan is made from the rows themselves.
 */
static char *
wider(char *old, const char *new)
{
	static const char *const ladder[] = {
		"smallint", "integer", "bigint", "numeric", "text"
	};
	int			a1 = 0;
	int			b1 = 0;
	int			a2 = 0;
	int			b2 = 0;
	int			n1;
	int			n2;

	if (new == NULL || (old && strcmp(old, new) == 0))
		return old;
	if (old == NULL)
		return pstrdup(new);
	n1 = type_numbers(old, &a1, &b1);
	n2 = type_numbers(new, &a2, &b2);
	if (n1 == 1 && n2 == 1)
		return a2 > a1 ? pstrdup(new) : old;
	if (n1 == 2 && n2 == 2)
	{
		int			scale = Max(b1, b2);

		return psprintf("numeric(%d,%d)", Max(a1 - b1, a2 - b2) + scale, scale);
	}
	if (n1 != n2)
		return n2 == 0 ? pstrdup(new) : old;
	for (int i = 0; i < (int) lengthof(ladder); i++)
	{
		if (strcmp(new, ladder[i]) == 0)
			return old;
		if (strcmp(old, ladder[i]) == 0)
			return pstrdup(new);
	}
	return old;
}

/* One more misfit of a reason: what does it need now? */
static void
widen(Reason *reason, const Misfit *misfit)
{
	Misfit		words = *misfit;

	if (misfit->chars > 0 && misfit->chars <= reason->misfit.chars)
		return;
	if (misfit->chars > 0)
		fit_words(&words);
	reason->misfit.need = wider(reason->misfit.need, words.need);
	reason->misfit.chars = Max(reason->misfit.chars, misfit->chars);
}

/* A reason seen for the first time. */
static Reason *
add_reason(Reasons *r, const Misfit *misfit, const char *column,
		   const StoreRow *row, int64 position)
{
	Reason	   *reason = palloc0(sizeof(Reason));
	const ErrorData *edata = error_of(misfit, row);
	Misfit		words = *misfit;

	fit_words(&words);
	reason->id = capture_next_id();
	reason->misfit.class = misfit->class;
	reason->misfit.column = copy_string(column);
	reason->misfit.need = copy_string(words.need);
	reason->misfit.sqlstate = misfit->sqlstate;
	reason->misfit.message = copy_string(words.message);
	if (edata)
		reason->edata = fit_copy_error(edata);
	reason->position = position;
	reason->sample_len = Min(row->len, CAPTURE_SAMPLE_BYTES + MAX_MULTIBYTE_CHAR_LEN);
	reason->sample = palloc(reason->sample_len + 1);
	memcpy(reason->sample, row->bytes, reason->sample_len);
	if (r->tail)
		r->tail->next = reason;
	else
		r->head = reason;
	r->tail = reason;
	r->n++;
	return reason;
}

/* Find or make the reason of one misfit. */
static Reason *
find_reason(Reasons *r, const Misfit *misfit, const StoreRow *row, int64 position)
{
	const char *column = misfit->column;

	/* of a line that has no fields, what is wrong with it is all there is */
	const char *constraint = misfit->class == FIT_BAD_LINE ? misfit->message :
	reasons_constraint(misfit, row);
	uint64		hash;
	ReasonSlot *slot;
	Reason	   *reason;
	bool		found;

	if (r->last && r->last->misfit.class == misfit->class &&
		same_name(r->last->misfit.column, column) &&
		same_name(r->last->constraint, constraint))
		return r->last;
	for (;;)
	{
		hash = hash_name(column, hash_name(constraint, (uint64) misfit->class));
		slot = hash_search(r->slots, &hash, HASH_FIND, NULL);
		for (reason = slot ? slot->first : NULL; reason; reason = reason->same_hash)
			if (reason->misfit.class == misfit->class &&
				same_name(reason->misfit.column, column) &&
				same_name(reason->constraint, constraint))
				return reason;
		if ((column == NULL && constraint == NULL) || r->n < REASONS_MAX)
			break;
		column = NULL;
		constraint = NULL;
	}
	reason = add_reason(r, misfit, column, row, position);
	reason->constraint = copy_string(constraint);
	slot = hash_search(r->slots, &hash, HASH_ENTER, &found);
	reason->same_hash = found ? slot->first : NULL;
	slot->first = reason;
	return reason;
}

/* See the header. */
int64
reasons_note(Reasons *r, const StoreRow *row, int64 position)
{
	MemoryContext old = MemoryContextSwitchTo(r->cxt);
	int64		first = 0;

	if (row->nmisfits == 0)
		elog(ERROR, "a row is held without a reason");
	for (int i = 0; i < row->nmisfits; i++)
	{
		Reason	   *reason = find_reason(r, &row->misfits[i], row, position);

		r->last = reason;
		reason->rows++;
		widen(reason, &row->misfits[i]);
		if (i == 0)
			first = reason->id;
	}
	MemoryContextSwitchTo(old);
	return first;
}

/* See the header. */
const char *
reasons_first(const Reasons *r, int64 *position)
{
	if (r->head == NULL)
		return NULL;
	*position = r->head->position;
	return r->head->misfit.message;
}

/* See the header. */
void
reasons_ids(const Reasons *r, int64 *first, int64 *last)
{
	*first = r->head ? r->head->id : 0;
	*last = r->tail ? r->tail->id : 0;
}

/* See the header. */
char *
reasons_list(const Reasons *r, int max)
{
	StringInfoData list;

	initStringInfo(&list);
	for (const Reason *reason = r->head; reason && max > 0; reason = reason->next, max--)
		appendStringInfo(&list, "%sRow " INT64_FORMAT ": %s (rows with it: " INT64_FORMAT ").",
						 list.len > 0 ? "\n" : "", reason->position,
						 reason->misfit.message, reason->rows);
	return list.data;
}

/* See the header. */
void
reasons_bulk(Reasons *r, int64 error, int64 first, int64 last)
{
	for (Reason *reason = r->head; reason; reason = reason->next)
		if (reason->id == error)
		{
			reason->first_bulk = first;
			reason->last_bulk = last;
		}
}

/* See the header. */
void
reasons_write(Reasons *r)
{
	for (Reason *reason = r->head; reason; reason = reason->next)
	{
		CapturedError err = {0};

		err.relid = r->relid;
		err.door = r->door;
		err.load = r->load;
		err.misfit = &reason->misfit;
		err.edata = reason->edata;
		err.rows = reason->rows;
		err.position = reason->position;
		err.sample = reason->sample;
		err.sample_len = reason->sample_len;
		err.first_bulk = reason->first_bulk;
		err.last_bulk = reason->last_bulk;
		capture_write(reason->id, &err);
	}
}
