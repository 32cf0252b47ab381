/*
 * fit.h
 *	  Does this value fit this column, and if not, what would it need?
 *
 * A Shape is a table's columns in a form made for speed. fit_row checks one
 * scanned payload against it without writing anything and without a
 * subtransaction. Nothing is rounded, cut or dropped: a value that the
 * column's type could only take by changing it is a misfit.
 *
 * NOT NULL is left to the insert where the table's own code (a BEFORE trigger,
 * a rule) may still put a value there.
 *
 * For types without a fast check the type's input function decides; it may
 * throw, and the caller (scan.c) runs fit_row inside a subtransaction and
 * asks fit_culprit which value it was.
 */
#ifndef SELFHEAL_FIT_H
#define SELFHEAL_FIT_H

#include "postgres.h"

#include "read/json.h"
#include "read/transform.h"
#include "fmgr.h"
#include "utils/rel.h"

/*
 * Classes of misfit. The first block is found by looking at the payload, the
 * second by PostgreSQL's own error when the row is written. Names (for the
 * "class" columns) are given by fit_class_name: the word in the comment.
 */
typedef enum FitClass
{
	FIT_OK = 0,
	/* drift: the table could take it if it were wider */
	FIT_UNKNOWN_KEY,			/* unknown_key */
	FIT_TOO_LONG,				/* too_long: more characters than n */
	FIT_OUT_OF_RANGE,			/* out_of_range: integer too big */
	FIT_PRECISION,				/* precision: digits before the point */
	FIT_SCALE,					/* scale: digits after the point */
	FIT_FRACTION,				/* fraction: a fraction where an integer is */
	FIT_NULL_VALUE,				/* null_value: null where NOT NULL */
	FIT_MISSING_KEY,			/* missing_key: absent, NOT NULL, no default */
	FIT_INEXACT,				/* inexact: real/double/timestamp(p) would
								 * change it */
	FIT_ENUM_LABEL,				/* enum_label */
	/* bad value: the table is not to be changed for it */
	FIT_WRONG_TYPE,				/* wrong_type: a word where a number is */
	FIT_BAD_VALUE,				/* bad_value: impossible date, unusable text */
	FIT_TOO_WIDE,				/* too_wide: beyond selfheal.max_width */
	FIT_GENERATED,				/* generated: value for a column that the
								 * database computes */
	FIT_KEY_TOO_LONG,			/* key_too_long: key over 63 bytes */
	FIT_BAD_KEY,				/* bad_key: empty key: no column can have it */
	FIT_BAD_JSON,				/* bad_json */
	FIT_NOT_OBJECT,				/* not_object */
	FIT_NUL,					/* nul_char */
	FIT_SURROGATE,				/* surrogate */
	FIT_DUPLICATE_KEY,			/* duplicate_key */
	FIT_TOO_DEEP,				/* too_deep */
	FIT_BAD_ENCODING,			/* bad_encoding */
	FIT_TOO_LARGE,				/* too_large: beyond selfheal.max_payload */
	/* found by the insert, from the SQLSTATE */
	FIT_UNIQUE,					/* unique */
	FIT_FOREIGN_KEY,			/* foreign_key */
	FIT_CHECK,					/* check */
	FIT_EXCLUSION,				/* exclusion */
	FIT_PARTITION,				/* no_partition */
	FIT_PERMISSION,				/* permission: privilege or row security */
	FIT_TRIGGER,				/* trigger: raised by the table's own code */
	FIT_RETRY,					/* retry: lock, deadlock, serialization */
	FIT_LIMIT,					/* limit: row or index entry too big */
	FIT_AWAITING_ORDER,			/* awaiting_order: a row of its ordering key
								 * is held before it */
	FIT_OTHER,					/* other */
	FIT_SEQUENCE,				/* sequence: a default's is used up */
	/* found before there is a payload */
	FIT_BAD_LINE				/* bad_line: cannot be taken apart into fields */
} FitClass;

/* Of a line that is known to be torn, and nothing else of it. */
#define FIT_BAD_LINE_WORDS "the line cannot be taken apart into fields"

/* One reason why one value does not fit. */
typedef struct Misfit
{
	FitClass	class;
	char	   *column;			/* column or key; NULL when it is the row */
	char	   *need;			/* what it would need: "varchar(200)", or NULL */
	int			sqlstate;		/* what PostgreSQL raises for it */
	char	   *message;		/* one line for people; see fit_words */
	int			field;			/* which field of the document, from 1; 0 when
								 * it is none of them */
	bool		hinted;			/* the team has said what is to become of its
								 * key: no contract counts */
	int			chars;			/* of what is too long, for fit_words; else 0 */
	const char *type;			/* the type that is too short, the shape's own */
	ErrorData  *error;			/* what the type's input function raised, or
								 * NULL: it was not asked */
} Misfit;

typedef enum TypeClass
{
	TYPE_TEXT,					/* text, varchar without limit, json text */
	TYPE_VARCHAR,				/* varchar(n) */
	TYPE_BPCHAR,				/* char(n) */
	TYPE_INT2,
	TYPE_INT4,
	TYPE_INT8,
	TYPE_NUMERIC,
	TYPE_FLOAT4,
	TYPE_FLOAT8,
	TYPE_BOOL,
	TYPE_UUID,
	TYPE_JSON,
	TYPE_JSONB,
	TYPE_ENUM,
	TYPE_OTHER					/* the input function decides */
} TypeClass;

/*
 * What becomes of a row with a key that is no column, or with a value that
 * does not fit its column's type: the words of a table's contract
 * (contract.h).
 */
typedef enum FitTerm
{
	TERM_EVOLVE,				/* held, and the table may change for it */
	TERM_FREEZE,				/* held, and the table does not */
	TERM_DISCARD_VALUE,			/* stored, as if the key were absent */
	TERM_DISCARD_ROW			/* not stored */
} FitTerm;

typedef struct FitColumn
{
	NameData	name;
	AttrNumber	attnum;
	Oid			type;			/* as declared */
	int32		typmod;
	Oid			basetype;		/* below domains */
	int32		basetypmod;
	TypeClass	tclass;
	bool		notnull;
	bool		has_default;	/* default, identity or serial */
	bool		computed;		/* generated column, or identity ALWAYS: not
								 * in the load's column list */
	bool		identity;		/* ALWAYS or BY DEFAULT */
	bool		unusual;		/* computed, or its values are transformed */
	bool		generated;		/* computed from the row's other columns */
	bool		is_domain;
	FmgrInfo	in;				/* input function of the declared type */
	Oid			ioparam;
} FitColumn;

typedef struct Shape
{
	Oid			relid;
	int			ncols;			/* live columns only, in attnum order */
	FitColumn  *cols;
	int			insisted;		/* column that an insert of the row at hand
								 * found null, after the table's own code; -1:
								 * none (diagnose.c sets it) */
	bool		partial;		/* of the row at hand not all is known: an
								 * absent key says nothing (a witness) */
	bool		comparable;		/* what is sent for a generated column can be
								 * compared with what the table computes: its
								 * own code does not come between */
	FitTerm		columns;		/* for a key that is no column */
	FitTerm		types;			/* for a value that does not fit its type */
	struct FitKeyTable *keys;	/* name -> index */
	struct AliasTable *aliases; /* keys that go elsewhere; NULL = none */
	struct Mapped *mapped;		/* what mappings do to a row; NULL = there are
								 * none */
	struct FitWork *work;		/* what fit_row reuses from row to row */
	MemoryContext cxt;
} Shape;

/*
 * One column's value of one row, as the type's input function would read it.
 * Where the check has the value in hand already it is ready: what the input
 * function would make of the text.
 */
typedef enum CellState
{
	CELL_ABSENT,				/* key not in the payload */
	CELL_NULL,
	CELL_TEXT
} CellState;

typedef struct FitCell
{
	CellState	state;
	bool		ready;
	const char *val;			/* not NUL-terminated */
	int			len;
	Datum		value;			/* when ready */
} FitCell;

typedef struct FitRow
{
	FitCell    *cells;			/* by index into shape->cols; the shape's own,
								 * good until its next fit_row. That of a
								 * generated column is not for the row: it may
								 * only be compared */
	int			nmisfits;
	Misfit	   *misfits;		/* all of them, not only the first */
	int			nleft;
	Misfit	   *left;			/* no misfits: their values are left out
								 * (TERM_DISCARD_VALUE) */
	int			nused;
	const int  *used;			/* mappings that did something to the row, by
								 * the numbers they were given; good until the
								 * shape's next fit_row */
} FitRow;

/* Build the shape of an open relation in a context below parent. */
extern Shape *fit_shape(Relation rel, MemoryContext parent);

/*
 * The team's word about a key that is no column: its value goes to the column
 * with this index, or (FIT_NOWHERE) is left out. A column of the key's own
 * name comes first: then the word does not count. The key is copied.
 */
#define FIT_NOWHERE (-2)
extern void fit_alias(Shape *shape, const char *key, int len, int col);

/*
 * Mappings. Each has a number of the caller's (from 0), by which FitRow.used
 * tells which of them did something to a row. Keys are copied.
 *
 * fit_map_key is fit_alias with a number. fit_map_part takes a part of a key's
 * object: path[0] is the key, the others lead to the part; col as for
 * fit_alias. rest says what becomes of the parts that nobody takes; of a key
 * the last word counts. A key that is a column may have parts. False: the path
 * ends on the way of another one, or goes on behind its end.
 *
 * fit_map_rest: the column (json or jsonb) that takes the keys of which
 * nothing is known, as one object. fit_map_value: how values of a column are
 * read; the first that is given reads first. The transform lives as long as
 * the shape. fit_map_nul: \u0000 is left out of its values (nulchars.h).
 * fit_map_bytes: encodings for fit_decode.
 */
typedef enum FitRest
{
	REST_HOLD,					/* the row does not fit */
	REST_DROP,					/* they are left out */
	REST_COLUMN					/* the object without its taken parts is the
								 * value of the key */
} FitRest;

#define FIT_PATH_MAX 8

extern void fit_map_key(Shape *shape, const char *key, int len, int col, int number);
extern bool fit_map_part(Shape *shape, char *const *path, int depth, FitRest rest,
						 int col, int number);
extern void fit_map_rest(Shape *shape, int col, int number);
extern void fit_map_value(Shape *shape, int col, Transform *transform, int number);
extern void fit_map_nul(Shape *shape, int col, int number);
extern void fit_map_bytes(Shape *shape, const int *encodings, int n, int number);

/* Tell of each key that brings \u0000, and not only of the first. */
extern void fit_each_nul(Shape *shape);

/*
 * A payload whose bytes are no text: in the first of the declared encodings
 * that takes all of them. Returns the number of the mapping, and *out in the
 * current context, or -1.
 */
extern int	fit_decode(const Shape *shape, const char *bytes, size_t len,
					   const char **out, size_t *outlen);

/* The document that the last fit_row has checked: as it was sent, or as the
 * mappings have made it. Misfit.field is a place in it. Good until the shape's
 * next fit_row or the scanner's next document. */
extern const JsonDoc *fit_doc(const Shape *shape);

/* The team has said what is to become of this key's values: what does not fit
 * is a misfit, whatever the shape's terms are. The key is copied. */
extern void fit_hinted(Shape *shape, const char *key, int len);

/*
 * Check one payload. Returns true when everything fits, but for what the
 * shape's terms leave out. out need not be initialised; the values of out->cells point into the document (good until
 * the next json_scan); misfits are allocated in the current memory context, a
 * row that fits allocates nothing there. May throw what a type's input
 * function throws.
 */
extern bool fit_row(const Shape *shape, const JsonDoc *doc, FitRow *out);

/*
 * The value of one cell (CELL_TEXT) of the row at hand, as the column's input
 * function makes it; by reference in the current memory context or, like the
 * cell, good until the next fit_row. May throw what that function throws.
 */
extern Datum fit_value(const Shape *shape, int col, const FitCell *cell);

/*
 * After fit_row has thrown: make the misfit of the value that was being
 * checked (column from the state that fit_row keeps, class from the error).
 * False when no value was being checked: the error is not the row's.
 * fit_row_again then checks the same document without the values that threw
 * so far, to find what else does not fit; it may throw for the next one.
 */
extern bool fit_culprit(const Shape *shape, const ErrorData *edata, Misfit *out);
extern bool fit_row_again(const Shape *shape, const JsonDoc *doc, FitRow *out);

/*
 * Make the words (message, need) of a misfit that fit_row left without a
 * message: a load in which no row fits has as many misfits as rows and needs
 * words for the first alone. To be called before either is read; the shape
 * must still be there. Strings in the current context.
 */
extern void fit_words(Misfit *misfit);

/* Make a misfit of an error raised by the insert itself. */
extern void fit_from_error(const ErrorData *edata, Misfit *out);

/* Copy the fields of an error that are ever stored, in the current context. */
extern ErrorData *fit_copy_error(const ErrorData *from);

extern const char *fit_class_name(FitClass class);
extern FitClass fit_class_from_name(const char *name);	/* FIT_OTHER if unknown */

/* Drift may change a table; everything else is held and changes nothing. */
extern bool fit_is_drift(FitClass class);

/*
 * Which of the shape's terms counts for this misfit of fit_row or fit_culprit.
 * TERM_EVOLVE for all that is no matter of keys and types: a null, a key that
 * is missing, a payload that cannot be taken apart, what an insert has found.
 */
extern FitTerm fit_term(const Shape *shape, const Misfit *misfit);

/* Index into shape->cols of the column with this name, or -1. */
extern int	fit_column(const Shape *shape, const char *name, int len);

/*
 * Take a label that the column's enum lacks for one that it has, from now on:
 * a trial of rows whose label is yet to be added. Both are copied. Nothing
 * happens when there is no such column, or when it is no enum.
 */
extern void fit_stand_in(Shape *shape, const char *column, const char *label,
						 const char *existing);

/* Parse a number as written: digits before and after the point that count
 * (no leading, no trailing zeros, exponent applied). False: no number. */
typedef struct NumberShape
{
	bool		negative;
	bool		special;		/* NaN or infinity as text */
	int			int_digits;		/* digits before the point, 0 for 0.x */
	int			frac_digits;	/* digits after the point */
	int			significant;	/* digits that count */
	bool		fits_int2;
	bool		fits_int4;
	bool		fits_int8;
} NumberShape;
extern bool fit_number(const char *s, int len, NumberShape *out);

#endif							/* SELFHEAL_FIT_H */
