/*
 * phrase.c
 *	  A message without the values that it tells.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "read/phrase.h"
#include "read/quotes.h"

/*
 * Words of PostgreSQL's messages about data, and of ours. Sorted. A word that
 * is missing here is masked, no more.
 */
static const char *const words[] = {
	"a", "about", "above", "absent", "absolute", "accept", "accepted", "access", "act", "action",
	"active", "actor", "add", "added", "address", "adds", "admin", "advisory", "affected",
	"after", "again", "against", "age", "aggregate", "ago", "agreed", "ahead", "alike", "all",
	"alloc", "allowed", "allows", "alone", "already", "alter", "altered", "altogether", "always",
	"ambiguous", "amend", "amended", "among", "amount", "an", "and", "anew", "anonymous",
	"another", "answer", "answered", "any", "anyone", "anything", "anyway", "apart", "append",
	"application", "applied", "applies", "apply", "applying", "approval", "approve", "approved",
	"approves", "are", "args", "argument", "arguments", "around", "array", "arrivals", "as",
	"ask", "asked", "asks", "assignment", "assumed", "at", "attach", "attached", "attaches",
	"attempt", "attempts", "attribute", "attributes", "audit", "auto", "automatically", "await",
	"awaited", "awaiting", "away", "back", "backend", "background", "backslashes", "bad", "bare",
	"base", "batch", "be", "become", "becomes", "been", "before", "begin", "beginning", "begins",
	"behind", "being", "belong", "belongs", "below", "beside", "best", "better", "between",
	"beyond", "big", "bigint", "binary", "bit", "bits", "blanks", "block", "blocked", "bool",
	"boolean", "bootstrap", "both", "bound", "bounds", "box", "brace", "bracket", "brin", "bring",
	"brings", "broken", "brought", "btree", "build", "built", "business", "busy", "but", "by",
	"byte", "bytea", "bytes", "cache", "cached", "calculates", "call", "called", "calls", "came",
	"can", "cancel", "canceling", "candidate", "cannot", "capture", "cardinality", "case", "cast",
	"casts", "catalog", "cause", "century", "certain", "chain", "change", "changed", "changes", "chapter",
	"char", "character", "characters", "charged", "check", "checked", "checks", "child",
	"children", "choose", "chunk", "cidr", "circle", "class", "classes", "client", "clock",
	"clone", "close", "closed", "closing", "coalesce", "code", "col", "collate", "collation",
	"column", "columns", "come", "comes", "comma", "command", "commas", "comment", "commit",
	"committed", "compare", "compared", "compares", "comparisons", "composite", "compute",
	"computed", "computes", "concat", "concurrent", "confidence", "conflict", "conflicting",
	"conflicts", "connect", "connection", "connections", "constant", "constraint", "constraints",
	"contains", "content", "context", "contract", "conversion", "convert", "converted", "copied",
	"copy", "correct", "corrected", "corruption", "cost", "costs", "could", "count", "counted",
	"counting", "counts", "covered", "crash", "create", "csv", "current", "customer", "cut",
	"cycle", "data", "database", "databases", "datatype", "date", "dates", "datestyle", "day",
	"days", "ddl", "deadlock", "decided", "decides", "decimal", "declare", "declared", "decode",
	"decodes", "deeper", "deeply", "def", "default", "defaults", "deferrable", "deferred",
	"defined", "definer", "definition", "delete", "deletes", "denied", "deny", "depend",
	"dependent", "dependents", "depends", "depth", "description", "descriptor", "detail",
	"detected", "diagnose", "diagnosed", "did", "differ", "difference", "different", "differs",
	"digit", "digits", "dimensions", "directory", "discard", "discarded", "discards", "disk",
	"dismiss", "dismissed", "displaced", "divide", "division", "dms", "do", "docs", "does",
	"domain", "done", "door", "dotted", "double", "doubles", "down", "draw", "draws", "drop",
	"dropped", "drops", "dry", "due", "dump", "duplicate", "duplicates", "during", "each",
	"earlier", "effect", "effective", "effects", "effort", "either", "element", "else", "empty",
	"enabled", "encode", "encoding", "encodings", "end", "ended", "ends", "enough", "entries",
	"entry", "enum", "eof", "equal", "equality", "equals", "equivalent", "error", "errors",
	"escape", "escapes", "estimate", "estimated", "eur", "evaluation", "even", "event", "ever",
	"every", "everybody", "evidence", "evolve", "exact", "exactly", "example", "exceeds",
	"exclude", "exclusion", "execute", "exist", "existing", "exists", "expected", "explanation",
	"explicit", "exponent", "expr", "express", "expression", "extend", "extends", "extension",
	"extra", "fail", "failed", "failing", "fails", "failure", "false", "family", "far", "fault",
	"feed", "few", "fewer", "field", "fields", "file", "files", "fill", "filter", "find",
	"findings", "finish", "fire", "first", "fit", "fits", "five", "fixes", "float", "floating",
	"floor", "flush", "flushed", "follow", "for", "force", "forecast", "foreign", "form",
	"format", "formats", "forms", "found", "four", "fraction", "fractions", "free", "freeze",
	"fresh", "from", "frozen", "fsync", "full", "function", "functions", "further", "generated",
	"geographic", "geometry", "get", "gets", "gin", "gist", "give", "given", "gives", "giving",
	"go", "goes", "gone", "grant", "granted", "grantee", "grants", "greatest", "group",
	"grouping", "groups", "guard", "guess", "guessed", "guessing", "had", "half", "hand",
	"happens", "has", "hash", "hashes", "have", "having", "he", "head", "heal", "healed",
	"healer", "healing", "held", "here", "hex", "hexadecimal", "him", "himself", "hint", "hinted",
	"hints", "his", "history", "hold", "holds", "hour", "hours", "how", "hstore", "id", "ident",
	"identical", "identity", "idle", "ids", "if", "ignore", "ignored", "image", "impact",
	"implemented", "import", "impossible", "improper", "in", "incident", "incidents", "index",
	"indexes", "indian", "inet", "inference", "inferred", "infinite", "infinity", "ingest",
	"inherited", "inheriting", "inherits", "input", "insert", "inserts", "inside", "installed",
	"instant", "instants", "instead", "insufficient", "int", "intake", "integer", "integers",
	"internal", "interval", "intervalstyle", "into", "invalid", "inverse", "is", "iso", "it",
	"item", "its", "itself", "join", "joined", "json", "jsonb", "junk", "just", "keep", "keeps",
	"kept", "key", "keys", "kind", "kinds", "know", "known", "knows", "label", "labels", "lacked",
	"lacks", "ladder", "land", "landed", "landing", "lands", "large", "larger", "largest", "last",
	"lasting", "lat", "later", "latin", "latitude", "launcher", "leads", "learn", "least",
	"leave", "leaves", "left", "length", "less", "let", "lets", "letter", "letters", "level", "levels",
	"libraries", "lifts", "like", "likeliest", "likely", "likewise", "limit", "limits", "line",
	"lines", "list", "lists", "literal", "literals", "little", "load", "loaded", "loader",
	"loading", "loads", "lock", "locked", "locks", "log", "logical", "long", "longer",
	"longitude", "look", "looked", "looks", "lookup", "lose", "lost", "lower", "lsn", "ltree",
	"macaddr", "made", "make", "makes", "malformed", "manual", "many", "map", "mapped", "mapping",
	"mappings", "margin", "masked", "match", "matches", "materialised", "materialized", "matter",
	"max", "maximum", "may", "maybe", "mean", "meaning", "means", "meant", "meet", "meets",
	"member", "memory", "message", "met", "metadata", "method", "microseconds", "midnights",
	"might", "min", "minimum", "minus", "minute", "minutes", "misfits", "mismatch", "missed",
	"misses", "missing", "mode", "model", "modes", "modifier", "moment", "month", "months",
	"more", "most", "move", "moved", "moves", "ms", "much", "multirange", "must", "name", "named",
	"names", "nan", "narrow", "narrower", "ndjson", "near", "nearest", "need", "needed", "needs",
	"negative", "neither", "nested", "never", "new", "newest", "next", "nextval", "no", "nobody",
	"non", "none", "nor", "not", "notation", "notations", "note", "nothing", "notifications",
	"notnull", "now", "nspname", "null", "nullable", "nulls", "number", "numbers", "numeric",
	"obj", "object", "objects", "observe", "observed", "octet", "odd", "of", "off", "often",
	"oid", "ok", "old", "oldest", "on", "once", "one", "ones", "only", "open", "opened", "opens",
	"operation", "operator", "operators", "option", "options", "or", "ord", "order", "ordering",
	"orders", "ordinary", "origin", "other", "others", "otherwise", "out", "outgrow", "outgrown",
	"output", "outside", "over", "overflow", "override", "own", "owned", "owner", "owns",
	"packet", "padded", "pads", "pair", "parameters", "parent", "parentheses", "parenthesis",
	"parents", "parse", "part", "partition", "partitioned", "partitions", "parts", "pass",
	"passes", "passing", "password", "past", "path", "pause", "paused", "pauses", "payload",
	"payloads", "pending", "people", "per", "percent", "perform", "perhaps", "permission",
	"persistence", "person", "phase", "pid", "place", "plan", "planned", "planning", "plans",
	"playbook", "point", "pointed", "points", "policies", "policy", "polygon", "position",
	"positions", "positive", "postgresql", "power", "precision", "predicate", "preload",
	"prepare", "prepared", "present", "prev", "primary", "print", "printable", "privilege",
	"privileges", "procedure", "process", "processes", "processor", "producer", "producers",
	"program", "proof", "proposal", "propose", "proposed", "protects", "prove", "proven",
	"proves", "psql", "public", "publication", "publish", "published", "publisher", "publishes",
	"put", "qual", "qualified", "quarantine", "quarantined", "queue", "quick", "quote", "quoted",
	"quotes", "raise", "raised", "range", "rate", "raw", "reached", "read", "readable", "readers",
	"reading", "reads", "real", "reason", "reasons", "recognises", "recognized", "record",
	"recorded", "redundant", "ref", "refer", "referenced", "references", "refers", "refreshes",
	"refusals", "refuse", "refused", "refuses", "regclass", "regexp", "region", "register",
	"regtype", "regular", "reject", "rejected", "relation", "relations", "relies", "rely",
	"remote", "remove", "removed", "rename", "renamed", "repaired", "repeat", "replace",
	"replaced", "replay", "replayed", "replica", "replication", "report", "request", "required",
	"rest", "restart", "restored", "restrict", "restricted", "result", "resume", "retry", "return",
	"returned", "returns", "review", "rewrite", "rewrites", "rewritten", "rewrote", "right",
	"rival", "role", "roles", "room", "root", "round", "rounded", "rounding", "rounds", "routes",
	"routing", "row", "rows", "rule", "rules", "run", "runbook", "rung", "running", "safe",
	"safety", "said", "same", "sample", "samples", "sandbox", "say", "saying", "says", "scale",
	"scan", "scanner", "scans", "schema", "schemas", "scratch", "seal", "sealed", "search",
	"second", "seconds", "security", "see", "seed", "seen", "sees", "select", "selfheal", "send",
	"sends", "sent", "sentence", "seq", "sequence", "serial", "serialization", "serialize",
	"server", "servers", "serves", "session", "sessions", "set", "setting", "settings", "setval",
	"several", "sha", "shall", "shape", "share", "shared", "shell", "short", "shorter", "should",
	"show", "showed", "shown", "shows", "shutdown", "sibling", "siblings", "sign", "signs",
	"silent", "since", "single", "six", "size", "skip", "slot", "slots", "small", "smallest",
	"smallint", "so", "some", "somebody", "something", "sort", "sorted", "sorts", "source",
	"space", "spelling", "sql", "sqlstate", "stable", "stalled", "stalls", "stand", "standby",
	"stands", "start", "started", "starts", "stat", "state", "statement", "statements",
	"statistic", "statistics", "status", "stay", "stays", "stdin", "step", "steps", "still",
	"stood", "stop", "stopped", "stops", "storage", "store", "stored", "stores", "string",
	"strings", "strip", "stripped", "subcommand", "subscriber", "subscribers", "subscription",
	"such", "sum", "superuser", "superusers", "support", "surrogate", "suspected", "swapped",
	"symbols", "syntax", "system", "table", "tables", "tail", "take", "taken", "takes", "target",
	"team", "tell", "tells", "temp", "temporary", "text", "than", "that", "the", "their", "them",
	"themselves", "then", "there", "these", "they", "thing", "this", "those", "though",
	"thousands", "three", "through", "thrown", "tight", "time", "timeout", "times", "timestamp",
	"timestamptz", "to", "toast", "together", "token", "told", "too", "took", "tool", "tools",
	"touch", "touched", "traced", "trailing", "transaction", "transactionid", "transform",
	"transformed", "trial", "trials", "tried", "tries", "trigger", "triggers", "trim", "trimmed",
	"true", "try", "tsquery", "tsvector", "tuples", "turn", "turns", "twice", "two", "type",
	"types", "unchanged", "uncheck", "under", "underflow", "understood", "unexpected", "unicode",
	"unique", "unix", "unknown", "unnoticed", "unrecognized", "unseen", "unsupported",
	"unterminated", "until", "up", "updatable", "update", "upper", "upsert", "usage", "use",
	"used", "user", "users", "uses", "utc", "utf", "uuid", "val", "valid", "value", "values",
	"vanished", "varchar", "variable", "varying", "vector", "verdict", "verify", "version",
	"view", "views", "violate", "violated", "violates", "volatile", "wait", "waited", "waiting",
	"waits", "wake", "wal", "wants", "was", "watch", "watched", "way", "ways", "weakens", "well",
	"went", "were", "what", "whatever", "when", "where", "whether", "which", "whichever", "while",
	"who", "whoever", "whole", "whom", "whose", "why", "wide", "widen", "widening", "widens",
	"wider", "width", "will", "window", "with", "within", "without", "word", "words", "work",
	"worker", "workers", "would", "wrapper", "write", "writes", "writing", "written", "wrong",
	"ws", "xml", "year", "yet", "you", "your", "yours", "yourself", "yy", "zero", "zone"
};

/* Types whose numbers in brackets are no data. */
static const char *const sized[] = {
	"varying", "varchar", "character", "char", "numeric", "decimal", "bit",
	"time", "timestamp", "timestamptz", "timetz", "interval", "vector"
};

/* What a number before it counts. */
static const char *const counted[] = {
	"row", "rows", "value", "values", "character", "characters", "byte", "bytes",
	"digit", "digits", "key", "keys", "column", "columns", "times", "loads", "statement", "statements"
};

/* Longest word that can stay. */
#define WORD_BYTES 20

typedef struct Phrase
{
	const char *p;
	const char *end;
	ShareValues share;
	const MaskNames *names;
	StringInfoData out;
	char		before[WORD_BYTES]; /* the last word that stayed, in small
									 * letters */
	bool		hidden;			/* the last word did not stay */
	bool		sentence;		/* it begins here */
} Phrase;

static bool
in_list(const char *word, const char *const *list, int n)
{
	for (int i = 0; i < n; i++)
		if (strcmp(word, list[i]) == 0)
			return true;
	return false;
}

static int
compare_words(const void *a, const void *b)
{
	return strcmp((const char *) a, *(const char *const *) b);
}

static bool
is_letter(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_digit(unsigned char c)
{
	return c >= '0' && c <= '9';
}

/* A byte of what may be a word or a name. */
static bool
is_word(unsigned char c)
{
	return is_letter(c) || is_digit(c) || c == '_' || c == '$' || IS_HIGHBIT_SET(c);
}

/* What may not be told. */
static void
hide(Phrase *ph, const char *p, int len)
{
	if (ph->share != SHARE_NONE)
		mask_append(&ph->out, p, len);
	else if (ph->out.len < 3 || strcmp(ph->out.data + ph->out.len - 3, "...") != 0)
		appendStringInfoString(&ph->out, "...");
}

/* Is it one of the words, written as a sentence writes it? Leaves it in small
 * letters. */
static bool
is_known(const Phrase *ph, const char *p, int len, char *small)
{
	int			capitals = 0;

	small[0] = '\0';
	if (len >= WORD_BYTES)
		return false;
	for (int i = 0; i < len; i++)
	{
		if (!is_letter(p[i]))
			return false;
		capitals += p[i] <= 'Z';
		small[i] = p[i] | 0x20;
	}
	small[len] = '\0';
	/* Will and Mark are names within a sentence; NOT NULL is none */
	if (capitals > 0 && capitals < len && !(capitals == 1 && p[0] <= 'Z' && ph->sentence))
		return false;
	return bsearch(small, words, lengthof(words), sizeof(words[0]), compare_words) != NULL;
}

/* Does a quote open here? Not what is an apostrophe: it's, the orders' rows,
 * "orders"'s. */
static bool
opens(const Phrase *ph, const Quotes *q)
{
	const char *p = ph->p;
	unsigned char last = ph->out.len > 0 ? ph->out.data[ph->out.len - 1] : ' ';

	if (*p != '\'')
		return q != NULL;
	if (is_word(last) || last == '.')
		return false;
	return !((last == '"' || last == ')') && p + 1 < ph->end && p[1] == 's' &&
			 (p + 2 == ph->end || !is_word(p[2])));
}

/* In quotes: a name, or a value. The one that closes may be missing. */
static void
read_quoted(Phrase *ph, const Quotes *q)
{
	int			closes = 0;
	const char *start = ph->p + strlen(q->opens);
	const char *close = quotes_close(q, start, ph->end, &closes);
	const char *more;
	const char *name = start;
	const char *name_end = close ? close : ph->end;

	quotes_trim(&name, &name_end);
	appendBinaryStringInfo(&ph->out, ph->p, (int) (start - ph->p));
	if (close != NULL && mask_is_name(ph->names, name, (int) (name_end - name)))
		appendBinaryStringInfo(&ph->out, start, (int) (close - start));
	else
	{
		/* what quotes a value may have is not known: its last one ends it */
		while (close != NULL && (more = quotes_close(q, close + closes, ph->end, &closes)) != NULL)
			close = more;
		if (close == NULL || close > start)
			hide(ph, start, (int) ((close ? close : ph->end) - start));
	}
	if (close)
		appendBinaryStringInfo(&ph->out, close, closes);
	ph->p = close ? close + closes : ph->end;
	ph->sentence = ph->hidden = false;
	ph->before[0] = '\0';
}

/* Behind the word that begins at p, which is copied. */
static const char *
next_word(const char *p, const char *end, char *word)
{
	int			len = 0;

	while (p < end && is_letter(*p) && len < WORD_BYTES - 1)
		word[len++] = *p++;
	word[len] = '\0';
	return p;
}

/* Is what stands behind a number what it counts: " rows", " held rows"? */
static bool
counts_something(const char *p, const char *end)
{
	static const char *const between[] = {"held", "stored", "new", "different"};
	char		word[WORD_BYTES];

	p = next_word(p + (p < end && *p == ' '), end, word);
	if (in_list(word, between, lengthof(between)))
		(void) next_word(p + (p < end && *p == ' '), end, word);
	return in_list(word, counted, lengthof(counted));
}

/* A word, a name, or a number. */
static void
read_word(Phrase *ph)
{
	const char *start = ph->p;
	bool		number = true;
	char		small[WORD_BYTES];
	int			len;

	/* the second half of what was masked: l'heure */
	bool		second = ph->hidden && ph->out.data[ph->out.len - 1] == '\'';

	while (ph->p < ph->end && is_word(*ph->p) && quotes_at(ph->p, ph->end) == NULL)
		number &= is_digit(*ph->p++);
	len = (int) (ph->p - start);
	ph->hidden = false;
	if (number)
	{
		if (counts_something(ph->p, ph->end))
			appendBinaryStringInfo(&ph->out, start, len);
		else
			hide(ph, start, len);
		ph->before[0] = '\0';
	}
	else if ((is_known(ph, start, len, small) && !second) ||
		/* somebody's */
			 (len == 1 && *start == 's' && ph->out.len > 0 && ph->out.data[ph->out.len - 1] == '\''))
	{
		appendBinaryStringInfo(&ph->out, start, len);
		strlcpy(ph->before, small, sizeof(ph->before));
	}
	else
	{
		if (mask_is_name(ph->names, start, len))
			appendBinaryStringInfo(&ph->out, start, len);
		else
		{
			hide(ph, start, len);
			ph->hidden = true;
		}
		ph->before[0] = '\0';
	}
	ph->sentence = false;
}

/* The size of a type, bracket to bracket, or 0. */
static int
size_len(const Phrase *ph)
{
	const char *p = ph->p + 1;

	if (!in_list(ph->before, sized, lengthof(sized)))
		return 0;
	while (p < ph->end && (is_digit(*p) || *p == ','))
		p++;
	return p < ph->end && *p == ')' ? (int) (p + 1 - ph->p) : 0;
}

/* From a bracket on: where the value behind it ends, or NULL: it is none. A
 * value may have brackets of its own, so it is the last one that counts. What
 * stands behind a word of another language may be a whole row. */
static const char *
value_end(const Phrase *ph)
{
	const char *last = NULL;

	if (!(strcmp(ph->before, "contains") == 0 || ph->hidden ||
		  (ph->out.len > 0 && ph->out.data[ph->out.len - 1] == '=')))
		return NULL;
	for (const char *p = ph->p; p < ph->end; p++)
		if (*p == ')')
			last = p;
	return last ? last : ph->end;
}

/* Does JSON or XML begin here, of which messages tell some? Nobody knows where
 * that ends. */
static bool
begins_document(const Phrase *ph)
{
	unsigned char next = ph->p + 1 < ph->end ? ph->p[1] : ' ';

	return *ph->p == '{' || *ph->p == '[' ||
		(*ph->p == '<' && (is_letter(next) || next == '/' || next == '!' || next == '?'));
}

/* See the header. */
char *
phrase_mask(ShareValues share, const MaskNames *names, const char *message)
{
	Phrase		ph = {0};
	int			len;

	if (message == NULL)
		return NULL;
	len = strlen(message);
	if (share == SHARE_FULL)
		return pnstrdup(message, pg_mbcliplen(message, len, PHRASE_BYTES));
	ph.p = message;
	ph.end = message + len;
	ph.share = share;
	ph.names = names;
	ph.sentence = true;
	initStringInfo(&ph.out);
	while (ph.p < ph.end && ph.out.len < PHRASE_BYTES)
	{
		unsigned char c = *ph.p;
		const Quotes *q = quotes_at(ph.p, ph.end);

		if (q != NULL && opens(&ph, q))
			read_quoted(&ph, q);
		else if (begins_document(&ph))
		{
			hide(&ph, ph.p, (int) (ph.end - ph.p));
			ph.p = ph.end;
		}
		else if (is_word(c))
			read_word(&ph);
		else if (c == '(' && size_len(&ph) > 0)
		{
			appendBinaryStringInfo(&ph.out, ph.p, size_len(&ph));
			ph.p += size_len(&ph);
		}
		else if (c == '(' && value_end(&ph) != NULL)
		{
			const char *end = value_end(&ph);

			appendStringInfoChar(&ph.out, c);
			hide(&ph, ph.p + 1, (int) (end - ph.p) - 1);
			ph.p = end;
		}
		else
		{
			mask_append(&ph.out, ph.p, 1);
			ph.sentence = (ph.sentence && c == ' ') || c == '.' || c == '\n' || c == ':';
			if (c != ' ')
				ph.before[0] = '\0';
			ph.hidden = ph.hidden && (c == ' ' || c == ':' || c == '\'');
			ph.p++;
		}
	}
	if (ph.out.len > PHRASE_BYTES)
		ph.out.data[pg_mbcliplen(ph.out.data, ph.out.len, PHRASE_BYTES)] = '\0';
	return ph.out.data;
}

/* ---- DDL ---- */

/* Behind a quoted part that begins at p: '...', "..." or $tag$...$tag$. *from
 * and *to: what stands within. Backslashes count in every string, so that none
 * ends later than we think because of them: a string may seem longer, never
 * shorter. */
static const char *
quoted_end(const char *p, const char *end, const char **from, const char **to)
{
	if (*p == '$')
	{
		const char *tag = p;
		const char *q = p + 1;
		int			len;

		while (q < end && is_word(*q) && *q != '$')
			q++;
		if (q >= end || *q != '$')
			return NULL;
		len = (int) (q + 1 - tag);
		*from = q + 1;
		for (q = *from; q + len <= end && memcmp(q, tag, len) != 0; q++);
		*to = q + len <= end ? q : end;
		return q + len <= end ? q + len : end;
	}
	*from = p + 1;
	for (const char *q = p + 1; q < end; q++)
	{
		if (*q == '\\' && *p == '\'')
			q++;
		else if (*q == *p && q + 1 < end && q[1] == *p)
			q++;
		else if (*q == *p)
		{
			*to = q;
			return q + 1;
		}
	}
	*to = end;
	return end;
}

/* Behind a comment that begins at p, or p. */
static const char *
comment_end(const char *p, const char *end)
{
	if (end - p >= 2 && p[0] == '-' && p[1] == '-')
		while (p < end && *p != '\n')
			p++;
	else if (end - p >= 2 && p[0] == '/' && p[1] == '*')
	{
		int			depth = 0;

		do
		{
			int			step = end - p < 2 ? 0 : p[0] == '/' && p[1] == '*' ? 1 : p[0] == '*' && p[1] == '/' ? -1 : 0;

			depth += step;
			p += step ? 2 : 1;
		} while (p < end && depth > 0);
	}
	return Min(p, end);
}

/* A name in a statement: as it stands there from p to end, unless it looks like
 * data. In quotes it is between from and to. */
static void
name_in_sql(Phrase *ph, const char *p, const char *end, const char *from, const char *to)
{
	StringInfoData name;
	char	   *told;

	initStringInfo(&name);
	for (; from < to; from++)
	{
		appendStringInfoChar(&name, *from);
		from += *p == '"' && *from == '"';
	}
	if (name.len > 0 && mask_looks_like_data(name.data, name.len) &&
		strcmp(told = mask_key(ph->share, ph->names, name.data), name.data) != 0)
	{
		appendStringInfoChar(&ph->out, '"');
		for (; *told; told++)
			appendStringInfo(&ph->out, "%s%c", *told == '"' ? "\"" : "", *told);
		appendStringInfoChar(&ph->out, '"');
	}
	else
		appendBinaryStringInfo(&ph->out, p, (int) (end - p));
}

/* See the header. */
char *
phrase_sql(ShareValues share, const MaskNames *names, const char *sql)
{
	static const char *const commands[] = {"alter", "create", "comment", "drop"};
	Phrase		ph = {.p = sql,.share = share,.names = names};
	const char *from;
	const char *to;
	char		first[WORD_BYTES] = "";
	int			len = 0;

	if (sql == NULL || share == SHARE_FULL)
		return sql ? pstrdup(sql) : NULL;
	ph.end = sql + strlen(sql);
	initStringInfo(&ph.out);
	while (ph.p < ph.end && (strchr(" \t\r\n", *ph.p) != NULL || comment_end(ph.p, ph.end) > ph.p))
		ph.p = Max(ph.p + 1, comment_end(ph.p, ph.end));
	while (ph.p + len < ph.end && is_letter(ph.p[len]) && len < WORD_BYTES - 1)
	{
		first[len] = ph.p[len] | 0x20;
		len++;
	}
	if (!in_list(first, commands, lengthof(commands)))
		return psprintf("%.*s...", len, ph.p);
	while (ph.p < ph.end && *ph.p != ';' && ph.out.len < PHRASE_BYTES)
	{
		const char *behind;

		if ((behind = comment_end(ph.p, ph.end)) > ph.p)
		{
			appendStringInfoChar(&ph.out, ' ');
			ph.p = behind;
		}
		else if (*ph.p == '\'' && quoted_end(ph.p, ph.end, &from, &to))
		{
			appendStringInfoChar(&ph.out, '\'');
			behind = quoted_end(ph.p, ph.end, &from, &to);
			if (to > from)
				hide(&ph, from, (int) (to - from));
			appendStringInfoChar(&ph.out, '\'');
			ph.p = behind;
		}
		else if (*ph.p == '"')
		{
			behind = quoted_end(ph.p, ph.end, &from, &to);
			name_in_sql(&ph, ph.p, behind, from, to);
			ph.p = behind;
		}
		else if (*ph.p == '$' && (behind = quoted_end(ph.p, ph.end, &from, &to)) != NULL)
		{
			appendStringInfoString(&ph.out, "$$...$$");
			ph.p = behind;
		}
		else if (is_word(*ph.p))
		{
			const char *start = ph.p;

			while (ph.p < ph.end && is_word(*ph.p))
				ph.p++;
			len = (int) (ph.p - start);
			if (is_digit(*start))
				hide(&ph, start, len);
			else
				name_in_sql(&ph, start, ph.p, start, ph.p);
			ph.before[0] = '\0';
			for (int i = 0; i < len && len < WORD_BYTES; i++)
			{
				ph.before[i] = is_letter(start[i]) ? start[i] | 0x20 : start[i];
				ph.before[i + 1] = '\0';
			}
		}
		else if (*ph.p == '(' && size_len(&ph) > 0)
		{
			len = size_len(&ph);
			appendBinaryStringInfo(&ph.out, ph.p, len);
			ph.p += len;
		}
		else
			appendStringInfoChar(&ph.out, *ph.p++);
	}
	while (ph.p < ph.end && strchr("; \t\r\n", *ph.p) != NULL)
		ph.p++;
	if (ph.p < ph.end)
		appendStringInfoString(&ph.out, "...");
	return ph.out.data;
}
