/*
 * copyform.c
 *	  How a file of lines is written: COPY's options, and some of our own.
 *
 * An object of options becomes the list that the grammar would have made of
 * the same words in a COPY statement; from there on both go one way.
 */
#include "postgres.h"

#include "base/compat.h"
#include "commands/copy.h"
#include "commands/defrem.h"
#include "mb/pg_wchar.h"
#include "nodes/makefuncs.h"
#include "observe/copyform.h"
#include "parser/parse_node.h"
#include "utils/builtins.h"
#include "write/condition.h"

/* The names of columns, each once. */
static void
check_columns(const CopyForm *form)
{
	for (int i = 0; i < list_length(form->columns); i++)
		for (int k = 0; k < i; k++)
			if (strcmp(list_nth(form->columns, i), list_nth(form->columns, k)) == 0)
				ereport(ERROR,
						(errcode(ERRCODE_DUPLICATE_COLUMN),
						 errmsg("column \"%s\" specified more than once",
								(char *) list_nth(form->columns, i)),
						 errhint("Name each column once.")));
}

/* What PostgreSQL makes of its own options. */
static void
read_options(CopyForm *form, List *options)
{
	CopyFormatOptions opts;
	List	   *core = NIL;
	ListCell   *lc;

	foreach(lc, options)
	{
		DefElem    *opt = lfirst_node(DefElem, lc);

		if (!onmisfit_option(&form->on_misfit, opt))
			core = lappend(core, opt);
	}
	onmisfit_check(&form->on_misfit);
	memset(&opts, 0, sizeof(opts));
	opts.file_encoding = -1;
	ProcessCopyOptions(make_parsestate(NULL), &opts, true, core);
	form->freeze = opts.freeze;
	form->format = opts.binary ? COPY_BINARY : opts.csv_mode ? COPY_CSV : COPY_TEXT;
	form->title = opts.header_line == COPY_HEADER_MATCH ? TITLE_MATCH :
		opts.header_line == COPY_HEADER_TRUE ? TITLE_TRUE : TITLE_NONE;
	form->encoding = opts.file_encoding >= 0 ? opts.file_encoding : pg_get_client_encoding();
	if (form->format == COPY_BINARY)
		return;
	form->delimiter = opts.delim[0];
	form->quote = opts.quote ? opts.quote[0] : '\0';
	form->escape = opts.escape ? opts.escape[0] : '\0';
	form->null = opts.null_print;
	form->nulllen = opts.null_print_len;
	form->defaults = compat_copy_default(&opts);
	form->defaultslen = form->defaults ? strlen(form->defaults) : 0;
	form->not_null = opts.force_notnull;
	form->force_null = opts.force_null;
	form->not_null_all = compat_copy_all(&opts, force_notnull_all);
	form->force_null_all = compat_copy_all(&opts, force_null_all);
}

/* See the header. */
CopyForm *
copyform_of_statement(const CopyStmt *stmt)
{
	CopyForm   *form = palloc0(sizeof(CopyForm));
	ListCell   *lc;

	form->where = stmt->whereClause;
	form->multiline = true;
	foreach(lc, stmt->attlist)
		form->columns = lappend(form->columns, strVal(lfirst(lc)));
	read_options(form, stmt->options);
	check_columns(form);
	return form;
}

/* ---- an object of options ---- */

static char *
text_of(const JsonbValue *v)
{
	switch (v->type)
	{
		case jbvString:
			return pnstrdup(v->val.string.val, v->val.string.len);
		case jbvBool:
			return pstrdup(v->val.boolean ? "true" : "false");
		case jbvNumeric:
			return DatumGetCString(DirectFunctionCall1(numeric_out,
													   NumericGetDatum(v->val.numeric)));
		default:
			return NULL;
	}
}

/* The texts of an array, as String nodes. */
static List *
list_of(const char *name, const JsonbValue *v)
{
	List	   *list = NIL;
	int			n = JsonContainerSize(v->val.binary.data);

	for (int i = 0; i < n; i++)
	{
		JsonbValue *element = getIthJsonbValueFromContainer(v->val.binary.data, i);

		if (element->type != jbvString)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("option \"%s\" must be an array of column names", name)));
		list = lappend(list, makeString(text_of(element)));
	}
	return list;
}

/* The option's value, as the grammar would have it. */
static Node *
argument_of(const char *name, const JsonbValue *v)
{
	char	   *text;

	if (v->type == jbvBinary && JsonContainerIsArray(v->val.binary.data))
		return (Node *) list_of(name, v);
	text = text_of(v);
	if (text == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"%s\" has no value that can be read", name),
				 errhint("Give a string, a number, true, false, or an array of column names.")));
	if (strcmp(text, "*") == 0 && strncmp(name, "force_", 6) == 0)
		return (Node *) makeNode(A_Star);
	return (Node *) makeString(text);
}

/* One of our own? */
static bool
take_own(CopyForm *form, const char *name, Node *arg)
{
	if (strcmp(name, "multiline") == 0)
	{
		DefElem    *opt = makeDefElem(pstrdup(name), arg, -1);

		form->multiline = defGetBoolean(opt);
		return true;
	}
	if (strcmp(name, "where") == 0)
	{
		if (!IsA(arg, String))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("option \"%s\" must be a string", name)));
		form->where = condition_parse(strVal(arg));
		return true;
	}
	if (strcmp(name, "columns") != 0)
		return false;
	if (arg == NULL || !IsA(arg, List))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"%s\" must be an array of column names", name)));
	for (int i = 0; i < list_length((List *) arg); i++)
		form->columns = lappend(form->columns, strVal(list_nth((List *) arg, i)));
	return true;
}

/* See the header. */
CopyForm *
copyform_of_json(Jsonb *options)
{
	CopyForm   *form = palloc0(sizeof(CopyForm));
	List	   *list = NIL;
	JsonbIterator *it;
	JsonbValue	v;
	JsonbIteratorToken token;

	form->multiline = true;
	if (options != NULL && !JB_ROOT_IS_OBJECT(options))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("options must be an object"),
				 errhint("Give COPY's options by name, as '{\"format\": \"csv\", \"header\": true}'.")));
	it = options ? JsonbIteratorInit(&options->root) : NULL;
	while (it != NULL && (token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		char	   *name;
		Node	   *arg;

		if (token != WJB_KEY)
			continue;
		name = pnstrdup(v.val.string.val, v.val.string.len);
		(void) JsonbIteratorNext(&it, &v, true);
		arg = argument_of(name, &v);
		if (!take_own(form, name, arg))
			list = lappend(list, makeDefElem(name, arg, -1));
	}
	read_options(form, list);
	check_columns(form);
	return form;
}
