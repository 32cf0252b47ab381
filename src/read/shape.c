/*
 * shape.c
 *	  A table's columns in the form that fit_row wants.
 *
 * All catalog look-ups are made here, once per flush; fit_row itself touches
 * the catalog only for what it has not met before (an enum's label, a type's
 * name for a message). The caller holds a lock on the table, so its columns
 * stay as they are; what a lock on the table does not cover (a new enum
 * label, a domain's constraint) is asked for again by value.c.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/transam.h"
#include "read/shape.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

/* The class that decides how value.c looks at a column. */
static TypeClass
class_of_type(Oid type, int32 typmod)
{
	switch (type)
	{
		case TEXTOID:
			return TYPE_TEXT;
		case VARCHAROID:
			return typmod < 0 ? TYPE_TEXT : TYPE_VARCHAR;
		case BPCHAROID:
			return typmod < 0 ? TYPE_TEXT : TYPE_BPCHAR;
		case INT2OID:
			return TYPE_INT2;
		case INT4OID:
			return TYPE_INT4;
		case INT8OID:
			return TYPE_INT8;
		case NUMERICOID:
			return TYPE_NUMERIC;
		case FLOAT4OID:
			return TYPE_FLOAT4;
		case FLOAT8OID:
			return TYPE_FLOAT8;
		case BOOLOID:
			return TYPE_BOOL;
		case UUIDOID:
			return TYPE_UUID;
		case JSONOID:
			return TYPE_JSON;
		case JSONBOID:
			return TYPE_JSONB;
		default:
			return type_is_enum(type) ? TYPE_ENUM : TYPE_OTHER;
	}
}

/* How a type of TYPE_OTHER could change a value in silence. */
static OtherKind
other_kind(Oid type)
{
	switch (type)
	{
		case DATEOID:
			return OTHER_DATE;
		case TIMESTAMPOID:
			return OTHER_TIMESTAMP;
		case TIMESTAMPTZOID:
			return OTHER_TIMESTAMPTZ;
		case TIMEOID:
			return OTHER_TIME;
		case TIMETZOID:
			return OTHER_TIMETZ;
		case INTERVALOID:
			return OTHER_INTERVAL;
		case POINTOID:
		case LSEGOID:
		case PATHOID:
		case BOXOID:
		case POLYGONOID:
		case LINEOID:
		case CIRCLEOID:
			return OTHER_FLOATS;
		case NAMEOID:
			return OTHER_NAME;
		case CHAROID:
			return OTHER_CHAR;
		case MONEYOID:
			return OTHER_MONEY;
		case OIDOID:
			return OTHER_OID;
		case XIDOID:
		case CIDOID:
			return OTHER_XID;
		case XID8OID:
			return OTHER_XID8;
		case TIDOID:
			return OTHER_TID;
		case REGCLASSOID:
		case REGCOLLATIONOID:
		case REGCONFIGOID:
		case REGDICTIONARYOID:
		case REGNAMESPACEOID:
		case REGOPEROID:
		case REGOPERATOROID:
		case REGPROCOID:
		case REGPROCEDUREOID:
		case REGROLEOID:
			return OTHER_REG;
		case REGTYPEOID:
			return OTHER_REGTYPE;
		default:
			return OTHER_PLAIN;
	}
}

static Shape *make_shape(MemoryContext cxt, MemoryContext row,
						 MemoryContext scratch, int maxcols);
static void fill_type(Shape *shape, int i, const char *name, Oid type,
					  int32 typmod);
static void fill_keys(Shape *shape);

/* The parts of a type that is made of others; there are none of any other. */
static void
fill_parts(Shape *shape, const FitColumn *col, ShapeColumn *more)
{
	FitWork    *work = shape->work;
	Oid			element = get_element_type(col->basetype);
	int32		typmod = -1;
	TupleDesc	desc = NULL;
	int			natts = 1;

	check_stack_depth();
	if (OidIsValid(element))
	{
		Oid			func;
		Oid			ioparam;
		int16		len;
		bool		byval;
		char		align;

		get_type_io_data(element, IOFunc_input, &len, &byval, &align,
						 &more->delimiter, &ioparam, &func);
		more->form = col->basetype == INT2VECTOROID ||
			col->basetype == OIDVECTOROID ? LITERAL_VECTOR : LITERAL_ARRAY;
		typmod = col->basetypmod;
	}
	else if (OidIsValid(element = get_range_subtype(col->basetype)))
		more->form = LITERAL_RANGE;
	else if (type_is_multirange(col->basetype))
	{
		element = get_multirange_range(col->basetype);
		more->form = LITERAL_MULTIRANGE;
	}
	else if (get_typtype(col->basetype) == TYPTYPE_COMPOSITE)
	{
		desc = lookup_rowtype_tupdesc_copy(col->basetype, -1);
		natts = desc->natts;
		more->form = LITERAL_RECORD;
	}
	else
		return;

	more->parts = make_shape(shape->cxt, work->row, work->scratch, natts);
	if (desc == NULL)
		fill_type(more->parts, more->parts->ncols++, "", element, typmod);
	else
	{
		for (int i = 0; i < natts; i++)
		{
			Form_pg_attribute att = TupleDescAttr(desc, i);

			if (!att->attisdropped)
				fill_type(more->parts, more->parts->ncols++, NameStr(att->attname),
						  att->atttypid, att->atttypmod);
		}
		FreeTupleDesc(desc);
	}
	fill_keys(more->parts);
}

/* The part of a column that only columns of TYPE_OTHER need. */
static void
fill_other(Shape *shape, const FitColumn *col, ShapeColumn *more)
{
	TypeCacheEntry *entry;
	Oid			func;

	more->other = other_kind(col->basetype);
	get_typlenbyval(col->basetype, &more->typlen, &more->typbyval);
	fill_parts(shape, col, more);
	if (col->basetypmod < 0 || more->parts != NULL)
		return;

	getTypeInputInfo(col->basetype, &func, &more->base_ioparam);
	fmgr_info_cxt(func, &more->base_in, shape->cxt);

	/*
	 * To an interval a month equals thirty days, so for built-in types it is
	 * the bytes that count. Others may store their modifier in the value.
	 */
	if (col->basetype < FirstNormalObjectId)
		return;
	entry = lookup_type_cache(col->basetype, TYPECACHE_EQ_OPR);
	if (OidIsValid(entry->eq_opr))
		fmgr_info_cxt(get_opcode(entry->eq_opr), &more->equal, shape->cxt);
}

/* What follows from the type alone. */
static void
fill_type(Shape *shape, int i, const char *name, Oid type, int32 typmod)
{
	FitColumn  *col = &shape->cols[i];
	ShapeColumn *more = &shape->work->cols[i];
	Oid			func;

	namestrcpy(&col->name, name);
	col->type = type;
	col->typmod = typmod;
	col->basetypmod = typmod;
	col->basetype = getBaseTypeAndTypmod(type, &col->basetypmod);
	col->is_domain = (col->basetype != col->type);
	col->tclass = class_of_type(col->basetype, col->basetypmod);
	getTypeInputInfo(col->type, &func, &col->ioparam);
	fmgr_info_cxt(func, &col->in, shape->cxt);

	more->namelen = (int) strlen(NameStr(col->name));
	more->follow = i + 1;
	more->constrained = col->is_domain && DomainHasConstraints(col->type);
	if (col->tclass == TYPE_OTHER)
		fill_other(shape, col, more);
	else if (col->tclass == TYPE_ENUM)
		more->labels = MemoryContextAlloc(shape->cxt,
										  LABELS_MAX * sizeof(NameData));
}

static void
fill_column(Shape *shape, int i, Form_pg_attribute att)
{
	FitColumn  *col = &shape->cols[i];

	fill_type(shape, i, NameStr(att->attname), att->atttypid, att->atttypmod);
	col->attnum = att->attnum;
	col->notnull = att->attnotnull;
	col->computed = att->attgenerated != '\0' ||
		att->attidentity == ATTRIBUTE_IDENTITY_ALWAYS;
	col->unusual = col->computed;
	/* A type may bring a default along; built-in ones never do. */
	col->identity = att->attidentity != '\0';
	col->generated = att->attgenerated != '\0';
	shape->comparable |= col->generated;
	col->has_default = att->atthasdef || att->attidentity != '\0' ||
		(att->atttypid >= FirstNormalObjectId &&
		 get_typdefault(att->atttypid) != NULL);
}

static uint32
hash_name(const char *name, int len)
{
	return hash_bytes((const unsigned char *) name, len);
}

static void
fill_keys(Shape *shape)
{
	FitKeyTable *keys = MemoryContextAlloc(shape->cxt, sizeof(FitKeyTable));
	uint32		size = 8;
	uint32		at;
	int			i;

	while (size < (uint32) shape->ncols * 2)
		size *= 2;
	keys->mask = size - 1;
	keys->slots = MemoryContextAlloc(shape->cxt, size * sizeof(int));
	for (at = 0; at < size; at++)
		keys->slots[at] = -1;
	for (i = 0; i < shape->ncols; i++)
	{
		at = hash_name(NameStr(shape->cols[i].name),
					   shape->work->cols[i].namelen) & keys->mask;
		while (keys->slots[at] >= 0)
			at = (at + 1) & keys->mask;
		keys->slots[at] = i;
	}
	shape->keys = keys;
}

/* A shape without columns, with room for so many. */
static Shape *
make_shape(MemoryContext cxt, MemoryContext row, MemoryContext scratch,
		   int maxcols)
{
	Shape	   *shape = MemoryContextAllocZero(cxt, sizeof(Shape));
	FitWork    *work = MemoryContextAllocZero(cxt, sizeof(FitWork));
	int			n = maxcols + 1;

	shape->cxt = cxt;
	shape->work = work;
	shape->cols = MemoryContextAllocZero(cxt, n * sizeof(FitColumn));
	work->cols = MemoryContextAllocZero(cxt, n * sizeof(ShapeColumn));
	work->row = row;
	work->scratch = scratch;
	work->fills = -1;
	work->checking = -1;
	shape->insisted = -1;
	shape->partial = false;
	jsontext_init(&work->text, cxt);
	return shape;
}

/*
 * Build the shape of an open relation in a context of its own below parent;
 * deleting shape->cxt frees it. Throws what the catalog look-ups throw.
 */
Shape *
fit_shape(Relation rel, MemoryContext parent)
{
	TupleDesc	desc = RelationGetDescr(rel);
	int			n = desc->natts + 1;
	MemoryContext cxt;
	Shape	   *shape;
	FitWork    *work;
	int			i;

	cxt = AllocSetContextCreate(parent, "selfheal shape",
								ALLOCSET_DEFAULT_SIZES);
	shape = make_shape(cxt,
					   AllocSetContextCreate(cxt, "selfheal shape row",
											 ALLOCSET_SMALL_SIZES),
					   AllocSetContextCreate(cxt, "selfheal shape scratch",
											 ALLOCSET_DEFAULT_SIZES),
					   desc->natts);
	shape->relid = RelationGetRelid(rel);
	work = shape->work;
	work->cells = MemoryContextAllocZero(cxt, n * sizeof(FitCell));
	work->required = MemoryContextAllocZero(cxt, n * sizeof(int));
	work->threw = MemoryContextAllocZero(cxt, n * sizeof(bool));
	work->left = MemoryContextAllocZero(cxt, n * sizeof(bool));

	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		FitColumn  *col;

		if (att->attisdropped)
			continue;
		fill_column(shape, shape->ncols, att);
		col = &shape->cols[shape->ncols];
		if (!col->has_default && !col->computed &&
			(col->notnull || work->cols[shape->ncols].constrained))
			work->required[work->nrequired++] = shape->ncols;
		shape->ncols++;
	}
	shape->comparable &= rel->rd_rel->relkind == RELKIND_RELATION;
	fill_keys(shape);
	return shape;
}

int
fit_column(const Shape *shape, const char *name, int len)
{
	const FitKeyTable *keys = shape->keys;
	uint32		at;

	for (at = hash_name(name, len) & keys->mask; keys->slots[at] >= 0;
		 at = (at + 1) & keys->mask)
	{
		int			i = keys->slots[at];

		if (shape->work->cols[i].namelen == len &&
			memcmp(NameStr(shape->cols[i].name), name, len) == 0)
			return i;
	}
	return -1;
}

void
fit_stand_in(Shape *shape, const char *column, const char *label,
			 const char *existing)
{
	int			col = fit_column(shape, column, (int) strlen(column));
	MemoryContext old;
	ShapeColumn *more;

	if (col < 0 || shape->cols[col].tclass != TYPE_ENUM)
		return;
	more = &shape->work->cols[col];
	old = MemoryContextSwitchTo(shape->cxt);
	more->stand_ins = lappend(more->stand_ins, pstrdup(label));
	more->stand_ins = lappend(more->stand_ins, pstrdup(existing));
	MemoryContextSwitchTo(old);
}

const char *
shape_type_name(const Shape *shape, int col)
{
	ShapeColumn *more = &shape->work->cols[col];

	if (more->type_name == NULL)
	{
		char	   *name = format_type_with_typemod(shape->cols[col].type,
													shape->cols[col].typmod);

		more->type_name = MemoryContextStrdup(shape->cxt, name);
		pfree(name);
	}
	return more->type_name;
}

char *
shape_cstring(const Shape *shape, const char *val, int len)
{
	FitWork    *work = shape->work;

	if (work->bufsize < (size_t) len + 1)
	{
		size_t		size = Max((size_t) len + 1, 1024);

		if (work->buf)
			pfree(work->buf);
		work->buf = NULL;
		work->bufsize = 0;
		work->buf = MemoryContextAlloc(shape->cxt, size);
		work->bufsize = size;
	}
	memcpy(work->buf, val, len);
	work->buf[len] = '\0';
	return work->buf;
}
