/*
 * classes.c
 *	  The classes of misfit: forty-two rows, each with what is done about it.
 */
#include "postgres.h"

#include "base/compat.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "decide/checklist.h"
#include "decide/classes.h"
#include "decide/convert.h"
#include "decide/labels.h"
#include "decide/newkey.h"
#include "decide/notations.h"
#include "decide/nulls.h"
#include "decide/numbers.h"
#include "decide/partition_plan.h"
#include "decide/replication.h"
#include "decide/widen.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

PG_FUNCTION_INFO_V1(selfheal_classes);

/* ---- matchers ---- */

/* Has an apply worker met it, so that the publisher can be asked? */
static bool
is_applied(const Finding *f)
{
	return f->refused != NIL && ((Refused *) llast(f->refused))->need != NULL;
}

static bool
is_not_char(const Finding *f)
{
	return f->target == NULL || f->target->tclass != TYPE_BPCHAR;
}

/* Is the column a date, a time or both? */
static bool
is_time(const Finding *f)
{
	char		category;
	bool		preferred;

	if (f->target == NULL)
		return false;
	get_type_category_preferred(f->target->basetype, &category, &preferred);
	return category == TYPCATEGORY_DATETIME;
}

static bool
is_time_not_zone(const Finding *f)
{
	return is_time(f) && f->sqlstate != ERRCODE_INVALID_TIME_ZONE_DISPLACEMENT_VALUE;
}

/* Did objects, arrays or booleans come where something else is, and no string
 * that might be read otherwise? */
static bool
is_no_string(const Finding *f)
{
	return f->evidence.values > 0 && f->evidence.kinds[JSON_STRING] == 0 && !is_time(f);
}

static bool
is_no_time(const Finding *f)
{
	return !is_time(f) && (f->class != FIT_WRONG_TYPE || !is_no_string(f));
}

static bool
is_of_table(const Finding *f)
{
	return f->refused == NIL || ((Refused *) llast(f->refused))->datatype == NULL;
}

/* Does the table have partitions, and none for the row? Else it is one. */
static bool
lacks_partition(const Finding *f)
{
	const Refused *refused = f->refused ? llast(f->refused) : NULL;
	Oid			schema = refused && refused->schema ?
	get_namespace_oid(refused->schema, true) : InvalidOid;
	Oid			relid = OidIsValid(schema) && refused->table ?
	get_relname_relid(refused->table, schema) : InvalidOid;

	return !OidIsValid(relid) || get_rel_relkind(relid) == RELKIND_PARTITIONED_TABLE;
}

static bool
is_check_option(const Finding *f)
{
	return f->sqlstate == ERRCODE_WITH_CHECK_OPTION_VIOLATION;
}

static bool
is_identity(const Finding *f)
{
	return f->target != NULL && f->target->identity;
}

static bool
is_rollback(const Finding *f)
{
	return ERRCODE_TO_CATEGORY(f->sqlstate) == ERRCODE_TRANSACTION_ROLLBACK;
}

/* ---- the table ---- */

static const MisfitClass classes[] = {
	{1, "22001", "varchar(n) too long", CLASS_CHANGE,
		.fits = {FIT_TOO_LONG},.matches = is_not_char,
		.playbooks = {{"widen_type", widen_type}},
	.done = "the column gets the next size of a ladder, or text; a value beyond selfheal.max_width is held"},
	{2, "22001", "char(n) too long", CLASS_CHANGE,
		.fits = {FIT_TOO_LONG},
		.playbooks = {{"convert_type", convert_type}},
	.done = "varchar or text after approval: blanks no longer count, and the table is rewritten"},
	{3, "22003", "integer or smallint out of range", CLASS_CHANGE,
		.fits = {FIT_OUT_OF_RANGE, FIT_FRACTION},
		.playbooks = {{"notation", notations_beside}, {"widen_type", widen_type}},
	.done = "the column becomes integer, bigint or numeric, whichever holds what was seen; a large table asks first"},
	{4, "22003", "too many digits for a numeric, a float or a time", CLASS_CHANGE,
		.fits = {FIT_PRECISION, FIT_SCALE, FIT_INEXACT},
		.playbooks = {{"notation", notations_beside}, {"widen_type", widen_type}},
	.done = "the column gets as many digits more as were seen; what rewrites a large table asks first"},
	{5, "22P02", "a word where a number, a uuid, a boolean is", CLASS_MAP,
		.fits = {FIT_WRONG_TYPE, FIT_BAD_VALUE, FIT_TOO_WIDE},.matches = is_no_time,
		.playbooks = {{"notation", notations_read}, {"convert_type", convert_type}},
	.done = "read by a mapping when all held values prove one reading (blanks, grouping and decimal signs, points); words for nothing after approval; from selfheal.convert_share of the rows on, or of a column that selfheal itself added by fewer than 20 values, text after approval; else held: a bad value changes no table"},
	{6, "22P02", "a label that the enum lacks", CLASS_CHANGE,
		.fits = {FIT_ENUM_LABEL},
		.playbooks = {{"trim", notations_label}, {"add_enum_label", labels_add}, {"map_value", labels_respell}},
	.done = "ADD VALUE after approval; a label with blanks around it is trimmed; another spelling of one is read as that label (map_value) after approval"},
	{7, "22007", "a date in another notation", CLASS_MAP,
		.fits = {FIT_WRONG_TYPE},.matches = is_time,
		.playbooks = {{"notation", notations_read}, {"convert_type", convert_type}},
	.done = "read by a mapping (parse_timestamp) when all held values prove one reading; held while day and month are not certain; from selfheal.convert_share of the rows on, or of a column that selfheal itself added by fewer than 20 values, text after approval"},
	{8, "22008", "an impossible date, a zero date", CLASS_MAP,
		.fits = {FIT_BAD_VALUE},.matches = is_time_not_zone,
		.playbooks = {{"notation", notations_read}, {"convert_type", convert_type}},
	.done = "a zero date becomes null after approval (null_if), another notation is read by a mapping; an impossible date is held and never guessed"},
	{9, "22009", "a time zone that is too far from UTC", CLASS_HOLD,
		.fits = {FIT_BAD_VALUE},.matches = is_time,
	.done = "held"},
	{10, "23502", "a null, or no value, where one must be", CLASS_CHANGE,
		.fits = {FIT_NULL_VALUE, FIT_MISSING_KEY},
		.playbooks = {{"set_default", nulls_default}, {"drop_not_null", nulls_allow}},
	.done = "the default that the team has named by a hint, else DROP NOT NULL, after approval; never of a key"},
	{11, "23505", "a duplicate of a unique key", CLASS_HOLD,
		.fits = {FIT_UNIQUE},
	.done = "an equal row counts as stored; another is held; no step drops a constraint"},
	{12, "23503", "a row without its parent", CLASS_RETRY,
		.fits = {FIT_FOREIGN_KEY},
	.done = "waits for its parent and is stored when that comes; after selfheal.max_wait a person is told"},
	{13, "23514", "a CHECK constraint", CLASS_HOLD,
		.fits = {FIT_CHECK},.matches = is_of_table,
		.playbooks = {{"extend_check_list", checklist_extend}, {"map_value", checklist_respell}},
	.done = "held; a CHECK (column IN (...)) gets a new literal after approval, and another spelling of one is read as that one (map_value) after approval; no other is touched"},
	{14, "23514", "no partition for the row", CLASS_CHANGE,
		.fits = {FIT_PARTITION},.matches = lacks_partition,.of_row = true,
		.playbooks = {{"attach_partition", partition_add}},
	.done = "a new partition beside its siblings, near them and partitioned as they are; a value far from them is held"},
	{15, "23514", "a row sent to the wrong partition", CLASS_MAP,
		.fits = {FIT_PARTITION},.of_row = true,
		.playbooks = {{"reroute", partition_reroute}},
	.done = "stored through the root, where its loader may insert into that; else held"},
	{16, "23514", "the default partition has rows of a new one", CLASS_CHANGE,
	.done = "propose_partition() moves them into it after approval, in the transaction that attaches it"},
	{17, "23514", "a CHECK constraint of a domain", CLASS_HOLD,
		.fits = {FIT_CHECK},
	.done = "held: the domain may be shared by other columns"},
	{18, "44000", "a view's CHECK OPTION", CLASS_HOLD,
		.fits = {FIT_OTHER},.matches = is_check_option,
	.done = "held"},
	{19, "23P01", "an exclusion constraint", CLASS_HOLD,
		.fits = {FIT_EXCLUSION},
	.done = "held until a person deletes what it met and says retry(); no step drops a constraint"},
	{20, "42703", "a key that is no column", CLASS_CHANGE,
		.fits = {FIT_UNKNOWN_KEY, FIT_KEY_TOO_LONG, FIT_BAD_KEY},
		.playbooks = {{"add_column", newkey_add}, {"map_field", newkey_shorten}},
	.done = "a new nullable column of the type that its values prove; a suspected rename asks first; a key over 63 bytes gets a column of a shorter name after approval"},
	{21, "42P01", "a table that does not exist", CLASS_CHANGE,
	.done = "held, if land() brought it; a table for it in the landing schema after approval"},
	{22, "42804", "an expression of another type", CLASS_MAP,
		.fits = {FIT_WRONG_TYPE},.matches = is_no_string,
		.playbooks = {{"notation", notations_read}, {"convert_type", convert_type}},
	.done = "a pair is read as a point by a mapping, whose order a person says where nothing proves it; from selfheal.convert_share of the rows on, or of a column that selfheal itself added by fewer than 20 values, text after approval; else held: a bad value changes no table"},
	{23, "42601 22P04", "more or fewer values than columns", CLASS_HOLD,
		.fits = {FIT_NOT_OBJECT, FIT_BAD_LINE},
	.done = "held: which value belongs to which column, nobody can know"},
	{24, "22021 22P05", "bytes that are no text in this encoding", CLASS_MAP,
		.fits = {FIT_BAD_ENCODING, FIT_NUL, FIT_SURROGATE},.of_row = true,
		.playbooks = {{"decode_text", notations_decode}, {"strip_nul", notations_strip}},
	.done = "read in the first of selfheal.encodings in which all held ones are printable text, after approval; a null character is held, or left out of texts and JSON where a policy names strip_nul"},
	{25, "22030 22032 22P02 2200N", "bad JSON", CLASS_HOLD,
		.fits = {FIT_BAD_JSON, FIT_DUPLICATE_KEY, FIT_TOO_DEEP, FIT_TOO_LARGE},
	.done = "held: bad JSON is never repaired by guessing; bad XML is a bad_value"},
	{26, "2200H", "a sequence that is used up", CLASS_CHANGE,
		.fits = {FIT_SEQUENCE},.of_row = true,
		.playbooks = {{"extend_sequence", numbers_extend}},
	.done = "the sequence may count further, and the column becomes bigint with it where it must; looked for at selfheal.sequence_watch percent; a limit that somebody set asks first"},
	{27, "428C9", "a value for an identity that is always generated", CLASS_MAP,
		.fits = {FIT_GENERATED},.matches = is_identity,
		.playbooks = {{"set_generated_by_default", numbers_by_default}},
	.done = "SET GENERATED BY DEFAULT after approval; the sequence then goes on above what was sent"},
	{28, "428C9", "a value for a generated column", CLASS_MAP,
		.fits = {FIT_GENERATED},
	.done = "stored without it where the table computes the same; another value is held"},
	{29, "55000", "logical replication: a column is missing", CLASS_CHANGE,
		.fits = {FIT_UNKNOWN_KEY},.matches = is_applied,
		.playbooks = {{"publisher_column", replication_add}},
	.done = "the column is added with the publisher's type, and the subscription goes on by itself"},
	{30, "55000", "logical replication: the table is missing", CLASS_CHANGE,
	.done = "a table as the publisher has it after approval; then a person runs ALTER SUBSCRIPTION ... REFRESH PUBLICATION, which no transaction can, and the incident ends"},
	{31, "22P02 22001 22003", "logical replication: a type that is too narrow", CLASS_CHANGE,
		.fits = {FIT_TOO_LONG, FIT_OUT_OF_RANGE, FIT_PRECISION, FIT_INEXACT, FIT_ENUM_LABEL},
		.matches = is_applied,
		.playbooks = {{"publisher_type", replication_widen}, {"add_enum_label", labels_add}},
	.done = "the column gets the publisher's type where that is wider, the enum its labels after approval"},
	{32, "23505", "logical replication: a conflict", CLASS_HOLD,
	.done = "told in selfheal.stalled: no transaction of the publisher is left out"},
	{33, "42501", "a privilege is missing", CLASS_OPERATOR,
		.fits = {FIT_PERMISSION},
	.done = "held, with the privilege that is missing; nothing here grants one"},
	{34, "40001 40P01", "a serialization failure, a deadlock", CLASS_RETRY,
		.fits = {FIT_RETRY},.matches = is_rollback,
	.done = "tried again, in pauses that double, for selfheal.max_wait at most; no attempt is charged"},
	{35, "55P03 57014", "a lock that was not to be had, a cancel", CLASS_RETRY,
		.fits = {FIT_RETRY},
	.done = "tried again, in pauses that double, for selfheal.max_wait at most; no attempt is charged"},
	{36, "08000 57P01 57P02 57P03", "a lost connection, a shutdown", CLASS_RETRY,
	.done = "the load fails as a whole and is sent again: load_id makes that safe"},
	{37, "53100 53200 53300", "disk, memory or connections used up", CLASS_OPERATOR,
	.done = "the load fails as PostgreSQL says; the healer stops, and tries one heal after selfheal.trial_interval"},
	{38, "54000 54011", "a row, an index entry or a table that is too wide", CLASS_CHANGE,
		.fits = {FIT_LIMIT},
	.done = "held; near PostgreSQL's limit of columns the new keys share one jsonb column, after approval"},
	{39, "42701 42P07", "somebody else made the change first", CLASS_RETRY,
	.done = "planned again: what the table has by now is not done twice"},
	{40, "55006 25001", "the table is in use by the same session", CLASS_RETRY,
	.done = "the worker makes the change in a transaction of its own, later"},
	{41, "P0001", "the table's own code refused the row", CLASS_HOLD,
		.fits = {FIT_TRIGGER},
	.done = "held: that is its owner's word"},
	{42, "XX000 XX001 XX002", "an internal error, corruption", CLASS_OPERATOR,
	.done = "the healer stops until a person says resume(); an internal error counts when it comes again"},
};

/* What no row takes. */
static const MisfitClass other_class = {
	0, "", "any other error", CLASS_HOLD,.done = "held"
};

/* Why no step is taken for a class, where no playbook says more. */
static const struct
{
	FitClass	class;
	const char *reason;
}			reasons[] =

{
	{FIT_WRONG_TYPE,
	"a bad value changes no table: it is of another type than its column"},
	{FIT_BAD_VALUE,
	"a bad value changes no table: no type of this family could hold it"},
	{FIT_TOO_WIDE,
	"a bad value changes no table: it is wider than selfheal.max_width"},
	{FIT_GENERATED,
	"the database computes this column, and what was sent is not what it computes"},
	{FIT_KEY_TOO_LONG,
	"no column can have a name of more than 63 bytes"},
	{FIT_BAD_KEY,
		"no column can have this name: it is empty, or PostgreSQL keeps it for "
	"itself; hint() says which column its value goes to, or that it is left out"},
	{FIT_BAD_JSON,
	"a bad row changes no table: it is not JSON"},
	{FIT_NOT_OBJECT,
	"a bad row changes no table: it is no JSON object, so it has no columns"},
	{FIT_BAD_LINE,
	"a bad row changes no table: which value of its line belongs to which column, nobody can know"},
	{FIT_NUL,
	"a bad value changes no table: no text can hold the character NUL, and no policy has strip_nul leave it out here"},
	{FIT_SURROGATE,
	"a bad value changes no table: half a surrogate pair is no character"},
	{FIT_DUPLICATE_KEY,
	"a bad row changes no table: one key has two different values"},
	{FIT_TOO_DEEP,
	"a bad row changes no table: it is nested too deeply"},
	{FIT_BAD_ENCODING,
	"a bad row changes no table: its bytes are not text in this encoding"},
	{FIT_TOO_LARGE,
	"a bad row changes no table: it is larger than selfheal.max_payload"},
	{FIT_UNIQUE,
	"a constraint is a rule of the business: no step weakens one"},
	{FIT_FOREIGN_KEY,
	"the row it refers to is missing: no step weakens a foreign key"},
	{FIT_CHECK,
	"a constraint is a rule of the business: no step weakens one"},
	{FIT_EXCLUSION,
	"a constraint is a rule of the business: no step weakens one"},
	{FIT_PARTITION,
	"no partition takes the row, and no built-in playbook makes one"},
	{FIT_PERMISSION,
	"the loading role lacks a privilege: nothing here grants one"},
	{FIT_TRIGGER,
	"the table's own code refused the row: that is its owner's word"},
	{FIT_RETRY,
	"nothing is wrong with the table: the row is tried again"},
	{FIT_LIMIT,
	"the row is beyond a limit of PostgreSQL that no column type lifts"},
	{FIT_SEQUENCE,
	"a sequence is used up: its owner decides whether it may count further"},
	{FIT_OTHER,
	"no playbook knows this: the row is held and the table stays as it is"},
};

/* See the header. */
const MisfitClass *
class_of(const Finding *f)
{
	bool		applied = is_applied(f);

	for (int i = 0; i < (int) lengthof(classes); i++)
	{
		const MisfitClass *class = &classes[i];

		/* what the publisher knows comes before what payloads prove */
		if (applied && class->matches != is_applied)
			continue;
		for (int j = 0; j < CLASS_FITS && class->fits[j] != FIT_OK; j++)
			if (class->fits[j] == f->class && (class->matches == NULL || class->matches(f)))
				return class;
	}
	return &other_class;
}

/* See the header. */
const char *
class_reason(FitClass class)
{
	int			i;

	for (i = 0; i < (int) lengthof(reasons) - 1; i++)
		if (reasons[i].class == class)
			break;
	return reasons[i].reason;
}

static Datum
text_array(Datum *words, int n)
{
	return PointerGetDatum(construct_array(words, n, TEXTOID, -1, false, TYPALIGN_INT));
}

/* classes(): the table as rows. */
Datum
selfheal_classes(PG_FUNCTION_ARGS)
{
	static const char *const verdicts[] = {"change", "map", "retry", "hold", "operator"};
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < (int) lengthof(classes); i++)
	{
		const MisfitClass *class = &classes[i];
		Datum		words[CLASS_FITS];
		Datum		values[7];
		bool		nulls[7] = {false};
		int			n = 0;

		values[0] = Int32GetDatum(class->number);
		values[1] = CStringGetTextDatum(class->sqlstates);
		values[2] = CStringGetTextDatum(class->title);
		values[3] = CStringGetTextDatum(verdicts[class->verdict]);
		for (n = 0; n < CLASS_FITS && class->fits[n] != FIT_OK; n++)
			words[n] = CStringGetTextDatum(fit_class_name(class->fits[n]));
		values[4] = text_array(words, n);
		for (n = 0; n < CLASS_PLAYBOOKS && class->playbooks[n].build != NULL; n++)
			words[n] = CStringGetTextDatum(class->playbooks[n].name);
		values[5] = text_array(words, n);
		values[6] = CStringGetTextDatum(class->done);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}
