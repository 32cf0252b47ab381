/*
 * orderkey.c
 *	  The ordering key of a row.
 *
 * Numbers and texts are hashed as they are written, so that a column which
 * becomes wider while rows of it are held keeps their keys: 1 is one key as an
 * integer, a bigint and a numeric; and so are uuids. Other types are hashed by their own
 * function, which agrees with their equality; labels of an enum by name, since
 * a dump does not keep their numbers.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "observe/orderkey.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

/* Bytes of a key that are kept for people. */
#define ORDER_TEXT 200

typedef enum OrderKind
{
	KEY_NUMBER,					/* hashed as written, without idle zeros */
	KEY_TEXT,					/* hashed by its bytes */
	KEY_LABEL,					/* hashed as written */
	KEY_OTHER					/* hashed by its type's function */
} OrderKind;

/* A column of the key. */
typedef struct OrderColumn
{
	int			col;			/* index into shape->cols */
	AttrNumber	attnum;
	Oid			type;			/* below domains */
	Oid			collation;
	OrderKind	kind;
	FmgrInfo	hash;			/* of KEY_OTHER */
	FmgrInfo	out;
} OrderColumn;

struct OrderColumns
{
	const Shape *shape;
	TupleDesc	desc;
	MemoryContext key_cxt;		/* of one key */
	bool		defaults;		/* a column has one */
	int			n;
	OrderColumn *columns;
};

/* How keys are told by a type (below domains). */
static OrderKind
kind_of(Oid type, Oid collation)
{
	if (type == INT2OID || type == INT4OID || type == INT8OID || type == NUMERICOID)
		return KEY_NUMBER;
	if (type == UUIDOID || get_typtype(type) == TYPTYPE_ENUM)
		return KEY_LABEL;
	if ((type == TEXTOID || type == VARCHAROID || type == BPCHAROID) &&
		(!OidIsValid(collation) || get_collation_isdeterministic(collation)))
		return KEY_TEXT;
	return KEY_OTHER;
}

/* See the header. */
bool
orderkey_as_written(Oid type, Oid collation)
{
	return kind_of(getBaseType(type), collation) != KEY_OTHER;
}

/* See the header. */
bool
orderkey_tells(Oid type)
{
	TypeCacheEntry *entry = lookup_type_cache(getBaseType(type),
											  TYPECACHE_HASH_EXTENDED_PROC | TYPECACHE_EQ_OPR);

	return OidIsValid(entry->hash_extended_proc) && OidIsValid(entry->eq_opr);
}

/* Make a column ready. False when keys cannot be told by it (any more). */
static bool
read_column(OrderColumns *o, OrderColumn *out, const char *name)
{
	const FitColumn *column;
	Oid			function;
	bool		varlena;

	out->col = fit_column(o->shape, name, (int) strlen(name));
	if (out->col < 0)
		return false;
	column = &o->shape->cols[out->col];
	out->attnum = column->attnum;
	o->defaults |= column->has_default;
	out->type = column->basetype;
	out->collation = TupleDescAttr(o->desc, column->attnum - 1)->attcollation;
	getTypeOutputInfo(out->type, &function, &varlena);
	fmgr_info_cxt(function, &out->out, CurrentMemoryContext);

	out->kind = kind_of(out->type, out->collation);
	if (out->kind == KEY_OTHER)
	{
		TypeCacheEntry *entry = lookup_type_cache(out->type, TYPECACHE_HASH_EXTENDED_PROC);

		if (!OidIsValid(entry->hash_extended_proc))
			return false;
		fmgr_info_cxt(entry->hash_extended_proc, &out->hash, CurrentMemoryContext);
	}
	return true;
}

/* See the header. */
OrderColumns *
orderkey_columns(const List *names, const Shape *shape, TupleDesc desc)
{
	OrderColumns *o = palloc0(sizeof(OrderColumns));
	const ListCell *lc;

	o->shape = shape;
	o->desc = desc;
	o->columns = palloc0(sizeof(OrderColumn) * list_length(names));
	foreach(lc, names)
	{
		if (!read_column(o, &o->columns[o->n++], lfirst(lc)))
			return NULL;
	}
	o->key_cxt = AllocSetContextCreate(CurrentMemoryContext, "selfheal ordering key",
									   ALLOCSET_SMALL_SIZES);
	return o;
}

/* See the header. */
bool
orderkey_defaults(const OrderColumns *o)
{
	return o->defaults;
}

/* A value as everybody writes it who has an equal one. *len: of it. */
static char *
key_text(OrderColumn *column, Datum value, int *len)
{
	char	   *word;

	if (column->kind == KEY_TEXT)
	{
		text	   *bytes = DatumGetTextPP(value);

		word = VARDATA_ANY(bytes);
		*len = (int) VARSIZE_ANY_EXHDR(bytes);
		/* blanks at the end are none in char(n) */
		while (column->type == BPCHAROID && *len > 0 && word[*len - 1] == ' ')
			(*len)--;
		return word;
	}
	word = OutputFunctionCall(&column->out, value);
	*len = (int) strlen(word);
	if (column->type == NUMERICOID && strchr(word, '.') != NULL)
	{
		while (word[*len - 1] == '0')
			(*len)--;
		if (word[*len - 1] == '.')
			(*len)--;
	}
	return word;
}

/* One of them; false when it is null after all. */
static bool
key_value(OrderColumns *o, const OrderValues *from, int i, Datum *value)
{
	OrderColumn *column = &o->columns[i];
	bool		isnull = false;

	if (from->fit)
		*value = fit_value(o->shape, column->col, &from->fit->cells[column->col]);
	else
		*value = heap_getattr(from->tuple, column->attnum, o->desc, &isnull);
	return !isnull;
}

/* See the header. */
bool
orderkey_make(OrderColumns *o, const OrderValues *from, MemoryContext cxt, OrderKey *key)
{
	MemoryContext old = MemoryContextSwitchTo(o->key_cxt);
	StringInfoData text;
	uint64		hash = 0;
	bool		whole = true;

	if (cxt)
		initStringInfo(&text);
	for (int i = 0; i < o->n && whole; i++)
	{
		OrderColumn *column = &o->columns[i];
		Datum		value;
		char	   *word = NULL;
		int			len = 0;

		whole = key_value(o, from, i, &value);
		if (!whole)
			break;
		if (cxt || column->kind != KEY_OTHER)
			word = key_text(column, value, &len);
		if (column->kind != KEY_OTHER)
			hash = hash_bytes_extended((const unsigned char *) word, len, hash);
		else
			hash = hash_combine64(hash, DatumGetUInt64(FunctionCall2Coll(&column->hash, column->collation,
																		 value, Int64GetDatum(0))));
		if (cxt)
		{
			if (i > 0)
				appendStringInfoString(&text, ", ");
			appendBinaryStringInfo(&text, word, pg_mbcliplen(word, len, ORDER_TEXT));
		}
	}
	key->hash = (int64) hash;
	key->text = NULL;
	if (whole && cxt)
	{
		text.data[pg_mbcliplen(text.data, text.len, ORDER_TEXT)] = '\0';
		key->text = MemoryContextStrdup(cxt, text.data);
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(o->key_cxt);
	return whole;
}

/* See the header. A column has its value when that is there, fits and is not
 * null. */
bool
orderkey_said(const OrderColumns *o, const FitRow *fit)
{
	for (int i = 0; i < o->n; i++)
		if (fit->cells[o->columns[i].col].state != CELL_TEXT)
			return false;
	return true;
}

/* See the header. */
bool
orderkey_sure(const OrderColumns *o, const FitRow *fit)
{
	if (!orderkey_said(o, fit))
		return false;
	for (int i = 0; i < o->n; i++)
		for (int k = 0; k < fit->nmisfits; k++)
			if (fit->misfits[k].column != NULL &&
				strcmp(fit->misfits[k].column, NameStr(o->shape->cols[o->columns[i].col].name)) == 0)
				return false;
	return true;
}
