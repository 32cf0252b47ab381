/*
 * mapwords.c
 *	  map_value of a text column: only under a list that a CHECK has.
 */
#include "postgres.h"

#include "observe/mapwords.h"
#include "read/inlist.h"
#include "read/shown.h"

/* See the header. What several lists refuse one of them refuses. */
bool
mapwords_allow(Transform *transform, Oid relid, AttrNumber attnum, Oid basetype)
{
	List	   *lists = inlist_is_word(basetype) ? inlist_all(relid, NULL, attnum) : NIL;
	List	   *values = NIL;
	ListCell   *lc;

	if (!inlist_is_word(basetype))
		return true;
	if (lists == NIL)
		return false;
	foreach(lc, ((InList *) linitial(lists))->values)
	{
		bool		all = true;
		ListCell   *lc2;

		foreach(lc2, lists)
			all &= inlist_has(((InList *) lfirst(lc2))->values, lfirst(lc));
		if (all)
			values = lappend(values, lfirst(lc));
	}
	return transform_allow(transform, values);
}

/* The texts of {"words": {word: text}} that no list has, and whether some word
 * is in none. */
static char *
foreign_text(const List *lists, const Mapping *m, bool *any_word)
{
	JsonbValue	words;
	JsonbValue	v;
	JsonbIterator *it;
	JsonbIteratorToken token;

	*any_word = false;
	if (getKeyJsonValueFromContainer(&m->args->root, "words", 5, &words) == NULL ||
		words.type != jbvBinary)
		return NULL;
	it = JsonbIteratorInit(words.val.binary.data);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		char	   *text;
		bool		allowed = true;
		ListCell   *lc;

		if ((token != WJB_KEY && token != WJB_VALUE) || v.type != jbvString)
			continue;
		text = pnstrdup(v.val.string.val, v.val.string.len);
		foreach(lc, lists)
			allowed &= inlist_has(((InList *) lfirst(lc))->values, text);
		if (token == WJB_KEY)
			*any_word |= !allowed;
		else if (!allowed)
			return text;
	}
	return NULL;
}

/* See the header. */
bool
mapwords_check(Oid relid, AttrNumber attnum, Oid basetype, const Mapping *m, char **reason, char **hint)
{
	List	   *lists = inlist_is_word(basetype) ? inlist_all(relid, NULL, attnum) : NIL;
	bool		any_word;
	char	   *text;
	ListCell   *lc;

	*hint = NULL;
	if (!inlist_is_word(basetype))
		return true;
	if (lists == NIL)
	{
		*reason = psprintf("column \"%s\" may hold any text: it is no enum, and no CHECK lists what it takes", m->column);
		*hint = pstrdup("Words of such a column are for amend(), or for the producer.");
		return false;
	}
	foreach(lc, lists)
	{
		if (((InList *) lfirst(lc))->valid)
			continue;
		*reason = psprintf("column \"%s\": its list is a CHECK that was never validated, so that stored rows may have such a word",
						   m->column);
		*hint = pstrdup("ALTER TABLE ... VALIDATE CONSTRAINT first.");
		return false;
	}
	text = foreign_text(lists, m, &any_word);
	if (text != NULL)
	{
		*reason = psprintf("%s is not in the list of column \"%s\"", shown_value(text, (int) strlen(text)), m->column);
		*hint = pstrdup("Give each word a value that the CHECK allows.");
		return false;
	}
	if (!any_word)
	{
		*reason = psprintf("the list of column \"%s\" has all of these words", m->column);
		*hint = pstrdup("Such values are stored as they are.");
		return false;
	}
	return true;
}
