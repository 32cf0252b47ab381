/*
 * definition.c
 *	  What one dependent object is, and the statements that make it again.
 *
 * One query per kind reads all objects of it. PostgreSQL itself writes the
 * definitions (ruleutils), as it does for pg_dump; the rest is put together
 * from names and literals that format() quotes. An answer has the object, what
 * a text is (drop, make, line, type), the phase, the role that is to run it,
 * and the text. Lines say by names, never by oids, all that the object is, so
 * that what was and what is can be compared; "names" lines are what its
 * definition refers to, which tells a function from another of the same name.
 *
 * The same text may mean something else for another type: integers divide to
 * integers, and numerics do not; to_hex() of -1 has twice the digits of a
 * bigint. So lines also tell which of PostgreSQL's functions of one name are
 * called, but for those that give the same value for each type of number, and
 * count divisions and powers by what comes out of them. Our own and other
 * people's functions stand among the names.
 */
#include "postgres.h"

#include <ctype.h>

#include "base/spi.h"
#include "decide/definition.h"

#define GRANTEE(x) \
	"CASE WHEN " x ".grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(" x ".grantee)) END"
#define GRANTABLE(x) "CASE WHEN " x ".is_grantable THEN ' WITH GRANT OPTION' ELSE '' END"

/* Lines of what an expression's tree calls; see the head of the file. */
#define CALLS(item, from, tree) \
	"SELECT DISTINCT " item ", 'line', 0, 0::bigint, 0::oid, 'calls ' || called.oid::regprocedure" \
	" FROM " from " CROSS JOIN LATERAL regexp_matches(" tree ", ':(?:funcid (\\d+) :funcresulttype \\d+" \
	" :funcretset \\w+ :funcvariadic \\w+ :funcformat [03]|aggfnoid (\\d+)|winfnoid (\\d+)) ', 'g') m" \
	" JOIN pg_proc called ON called.oid = coalesce(m[1], m[2], m[3])::oid AND called.proname <> ALL ('{abs,avg,ceil,ceiling,floor," \
	"gcd,generate_series,lcm,max,min,mod,round,sign,sum,to_char,trunc}'::name[])" \
	" UNION ALL SELECT " item ", 'line', 0, 0, 0, format('operators %s giving %s: %s', o.oprname," \
	"  CASE WHEN o.oprname = '/' AND o.oprresult IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype) THEN 'integers'" \
	"  ELSE o.oprresult::regtype::text END, count(*))" \
	" FROM " from " CROSS JOIN LATERAL regexp_matches(" tree ", ':opno (\\d+) ', 'g') m" \
	" JOIN pg_operator o ON o.oid = m[1]::oid AND o.oprname IN ('/', '^')" \
	" GROUP BY " item ", o.oprname, CASE WHEN o.oprname = '/' AND o.oprresult IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)" \
	"  THEN 'integers' ELSE o.oprresult::regtype::text END"

/* A line for each object that a dependency of the given one names. */
#define NAMES(item, from, class, object) \
	"SELECT DISTINCT " item ", 'line', 0, 0::bigint, 0::oid, format('names %s %s', o.type, o.identity)" \
	" FROM " from " JOIN pg_depend d ON d.classid = '" class "'::regclass AND d.objid = " object \
	" CROSS JOIN LATERAL pg_identify_object(d.refclassid, d.refobjid, d.refobjsubid) o"

static const char *const view_sql =
"WITH v AS MATERIALIZED (SELECT c.*, n.nspname, format('%I.%I', n.nspname, c.relname) AS fq,"
"   CASE c.relkind WHEN 'v' THEN 'VIEW' ELSE 'MATERIALIZED VIEW' END AS word,"
"   regexp_replace(pg_get_viewdef(c.oid), ';\\s*$', '') AS def,"
"   CASE WHEN c.reltablespace <> 0 THEN (SELECT spcname FROM pg_tablespace t WHERE t.oid = c.reltablespace) END AS spc,"
"   (SELECT string_agg(format('%s=%L', o.name, o.value), ', ' ORDER BY o.n) FROM ("
"     SELECT quote_ident(option_name) AS name, option_value AS value, 1 AS n FROM pg_options_to_table(c.reloptions)"
"     UNION ALL SELECT 'toast.' || quote_ident(option_name), option_value, 2 FROM pg_class t, pg_options_to_table(t.reloptions)"
"       WHERE t.oid = c.reltoastrelid) o) AS options,"
/* privileges that a new view of the owner would have by default */
"   (SELECT string_agg(DISTINCT " GRANTEE("x") ", ', ') FROM pg_default_acl da, aclexplode(da.defaclacl) x"
"     WHERE da.defaclrole = c.relowner AND da.defaclobjtype = 'r' AND da.defaclnamespace IN (0, c.relnamespace)) AS leaks"
"  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = ANY ($1::oid[])),"
" a AS MATERIALIZED (SELECT v.oid, v.fq, v.word, v.relkind, v.relowner, a.attnum, a.attacl, quote_ident(a.attname) AS col,"
"   format_type(a.atttypid, a.atttypmod) AS type, coalesce(a.attstattarget, -1) AS target,"
"   CASE WHEN a.attstorage <> t.typstorage THEN CASE a.attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL'"
"     WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END END AS storage,"
"   CASE a.attcompression WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' END AS compression,"
/* an option of the server's own: which version of the column this is */
"   (SELECT string_agg(format('%I=%L', option_name, option_value), ', ') FROM pg_options_to_table(a.attoptions)"
"     WHERE option_name <> 'pg_attver') AS options,"
/* its own; that of its type comes and goes with the type */
"   (SELECT format('%I.%I', n.nspname, l.collname) FROM pg_collation l JOIN pg_namespace n ON n.oid = l.collnamespace"
"     WHERE l.oid = a.attcollation AND l.oid <> t.typcollation) AS coll,"
"   pg_get_expr(d.adbin, d.adrelid) AS def, col_description(v.oid, a.attnum) AS comment, a.attnotnull"
"  FROM v JOIN pg_attribute a ON a.attrelid = v.oid AND a.attnum > 0 AND NOT a.attisdropped"
"  JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_attrdef d ON d.adrelid = v.oid AND d.adnum = a.attnum),"
" g AS MATERIALIZED (SELECT v.oid, v.relowner, x.grantor, format('GRANT %s ON %s TO %s%s', x.privilege_type, v.fq,"
"    " GRANTEE("x") ", " GRANTABLE("x") ") AS sql, x.n"
"   FROM v, aclexplode(coalesce(v.relacl, acldefault('r', v.relowner)))"
"    WITH ORDINALITY x(grantor, grantee, privilege_type, is_grantable, n)"
"  UNION ALL SELECT a.oid, a.relowner, x.grantor, format('GRANT %s (%s) ON %s TO %s%s', x.privilege_type, a.col, a.fq,"
"    " GRANTEE("x") ", " GRANTABLE("x") "), 100000 * a.attnum + x.n"
"   FROM a, aclexplode(a.attacl) WITH ORDINALITY x(grantor, grantee, privilege_type, is_grantable, n)),"
" r AS MATERIALIZED (SELECT v.oid, v.fq, v.relowner, r.rulename, pg_get_ruledef(r.oid) AS def,"
"   obj_description(r.oid, 'pg_rewrite') AS comment"
"  FROM v JOIN pg_rewrite r ON r.ev_class = v.oid),"
" t AS MATERIALIZED (SELECT v.oid, v.fq, v.relowner, t.tgname, pg_get_triggerdef(t.oid) AS def,"
"   obj_description(t.oid, 'pg_trigger') AS comment, t.oid AS tgoid"
"  FROM v JOIN pg_trigger t ON t.tgrelid = v.oid AND NOT t.tgisinternal),"
" i AS MATERIALIZED (SELECT v.oid, v.fq, v.relowner, format('%I.%I', v.nspname, c.relname) AS ifq, quote_ident(c.relname) AS iname,"
"   pg_get_indexdef(c.oid) AS def, obj_description(c.oid, 'pg_class') AS comment, x.indisclustered, x.indisreplident,"
"   CASE WHEN c.reltablespace <> 0 THEN (SELECT spcname FROM pg_tablespace s WHERE s.oid = c.reltablespace) END AS spc, c.oid AS ioid"
"  FROM v JOIN pg_index x ON x.indrelid = v.oid JOIN pg_class c ON c.oid = x.indexrelid),"
" ia AS MATERIALIZED (SELECT i.oid, i.relowner, i.ifq, a.attnum, a.attstattarget AS target FROM i"
"   JOIN pg_attribute a ON a.attrelid = i.ioid AND coalesce(a.attstattarget, -1) >= 0),"
" s AS MATERIALIZED (SELECT v.oid, s.stxowner, format('%I.%I', n.nspname, s.stxname) AS sfq,"
"   pg_get_statisticsobjdef(s.oid) AS def, coalesce(s.stxstattarget, -1) AS target, obj_description(s.oid, 'pg_statistic_ext') AS comment"
"  FROM v JOIN pg_statistic_ext s ON s.stxrelid = v.oid JOIN pg_namespace n ON n.oid = s.stxnamespace)"
" SELECT * FROM ("
" SELECT oid, 'drop' AS what, 2 AS phase, 0::bigint AS ord, relowner AS role, format('DROP %s %s', word, fq) AS sql FROM v"
" UNION ALL SELECT oid, 'drop', 1, 0, relowner, format('DROP RULE %I ON %s', rulename, fq) FROM r WHERE rulename <> '_RETURN'"
" UNION ALL SELECT v.oid, 'make', 1, 10, v.relowner, format('CREATE %s %s%s%s%s%s AS %s%s', v.word, v.fq,"
"    (SELECT '(' || string_agg(a.col, ', ' ORDER BY a.attnum) || ')' FROM a WHERE a.oid = v.oid),"
"    CASE WHEN v.relkind = 'm' THEN (SELECT format(' USING %I', am.amname) FROM pg_am am WHERE am.oid = v.relam) END,"
"    ' WITH (' || v.options || ')', ' TABLESPACE ' || quote_ident(v.spc), v.def,"
"    CASE WHEN v.relkind = 'm' THEN ' WITH NO DATA' END) FROM v"
" UNION ALL SELECT oid, 'make', 1, 20, relowner, format('ALTER %s %s ALTER COLUMN %s %s', word, fq, col, x.change)"
"   FROM a, LATERAL (VALUES ('SET STATISTICS ' || CASE WHEN target >= 0 THEN target END), ('SET STORAGE ' || storage),"
"     ('SET COMPRESSION ' || compression), ('SET (' || options || ')'), ('SET DEFAULT ' || def)) AS x(change) WHERE x.change IS NOT NULL"
" UNION ALL SELECT oid, 'make', 1, 40, relowner, format('COMMENT ON %s %s IS %L', word, fq, obj_description(oid, 'pg_class')) FROM v"
"   WHERE obj_description(oid, 'pg_class') IS NOT NULL"
" UNION ALL SELECT oid, 'make', 1, 40, relowner, format('COMMENT ON COLUMN %s.%s IS %L', fq, col, comment) FROM a WHERE comment IS NOT NULL"
" UNION ALL SELECT oid, 'make', 1, 50, relowner, format('REVOKE ALL ON %s FROM %s', fq,"
"    concat_ws(', ', quote_ident(pg_get_userbyid(relowner)), leaks)) FROM v WHERE relacl IS NOT NULL OR leaks IS NOT NULL"
" UNION ALL SELECT g.oid, 'make', 1, CASE WHEN g.grantor = g.relowner THEN 1000 ELSE 1000000000 END + g.n, g.grantor, g.sql"
"   FROM g JOIN v ON v.oid = g.oid WHERE v.relacl IS NOT NULL OR v.leaks IS NOT NULL OR g.n > 100000"
" UNION ALL SELECT oid, 'make', 3, 0, relowner, def FROM r WHERE rulename <> '_RETURN'"
" UNION ALL SELECT oid, 'make', 3, 1, relowner, format('COMMENT ON RULE %I ON %s IS %L', rulename, fq, comment) FROM r WHERE comment IS NOT NULL"
" UNION ALL SELECT oid, 'make', 3, 0, relowner, def FROM t"
" UNION ALL SELECT oid, 'make', 3, 1, relowner, format('COMMENT ON TRIGGER %I ON %s IS %L', tgname, fq, comment) FROM t WHERE comment IS NOT NULL"
" UNION ALL SELECT t.oid, 'make', 3, 1, t.relowner, format('ALTER TRIGGER %I ON %s DEPENDS ON EXTENSION %I', t.tgname, t.fq, e.extname)"
"   FROM t JOIN pg_depend d ON d.classid = 'pg_trigger'::regclass AND d.objid = t.tgoid AND d.deptype = 'x'"
"   JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid"
" UNION ALL SELECT oid, 'make', 4, 0, relowner, def FROM i"
" UNION ALL SELECT oid, 'make', 4, 1, relowner, format('ALTER INDEX %s SET TABLESPACE %I', ifq, spc) FROM i WHERE spc IS NOT NULL"
" UNION ALL SELECT oid, 'make', 4, 1, relowner, format('ALTER INDEX %s ALTER COLUMN %s SET STATISTICS %s', ifq, attnum, target) FROM ia"
" UNION ALL SELECT oid, 'make', 4, 2, relowner, format('COMMENT ON INDEX %s IS %L', ifq, comment) FROM i WHERE comment IS NOT NULL"
" UNION ALL SELECT oid, 'make', 4, 3, relowner, format('ALTER MATERIALIZED VIEW %s CLUSTER ON %s', fq, iname) FROM i WHERE indisclustered"
" UNION ALL SELECT oid, 'make', 4, 3, relowner, format('ALTER MATERIALIZED VIEW %s REPLICA IDENTITY USING INDEX %s', fq, iname) FROM i WHERE indisreplident"
" UNION ALL SELECT oid, 'make', 4, 3, relowner, format('ALTER MATERIALIZED VIEW %s REPLICA IDENTITY %s', fq, CASE relreplident WHEN 'f' THEN 'FULL' ELSE 'NOTHING' END)"
"   FROM v WHERE relkind = 'm' AND relreplident IN ('f', 'n')"
" UNION ALL SELECT oid, 'make', 4, 4, stxowner, def FROM s"
" UNION ALL SELECT oid, 'make', 4, 5, stxowner, format('ALTER STATISTICS %s SET STATISTICS %s', sfq, target) FROM s WHERE target >= 0"
" UNION ALL SELECT oid, 'make', 4, 5, stxowner, format('COMMENT ON STATISTICS %s IS %L', sfq, comment) FROM s WHERE comment IS NOT NULL"
" UNION ALL SELECT oid, 'make', 5, 0, relowner, format('REFRESH MATERIALIZED VIEW %s', fq) FROM v WHERE relkind = 'm' AND relispopulated"
/* what it is */
" UNION ALL SELECT oid, 'line', 0, 0, 0, format('%s owner=%I options=%s tablespace=%s access=%s populated=%s replica=%s comment=%L',"
"    word, pg_get_userbyid(relowner), options, spc, (SELECT amname FROM pg_am WHERE pg_am.oid = relam), relispopulated, relreplident,"
"    obj_description(oid, 'pg_class')) FROM v"
" UNION ALL SELECT oid, 'line', 0, 0, 0, 'definition ' || def FROM v"
" UNION ALL SELECT oid, 'line', 0, 0, 0, format('column %s %s collation=%s default=%s target=%s storage=%s compression=%s options=%s notnull=%s comment=%L',"
"    attnum, col, coll, def, target, storage, compression, options, attnotnull, comment) FROM a"
" UNION ALL SELECT oid, 'line', 0, 0, 0, format('grant by %I: %s', pg_get_userbyid(grantor), sql) FROM g"
" UNION ALL SELECT oid, 'line', 0, 0, 0, format('rule %I %s comment=%L', rulename, CASE WHEN rulename <> '_RETURN' THEN def END, comment) FROM r"
" UNION ALL SELECT oid, 'line', 0, 0, 0, format('trigger %I %s comment=%L', tgname, def, comment) FROM t"
" UNION ALL SELECT oid, 'line', 0, 0, 0, format('index %s %s tablespace=%s clustered=%s replica=%s comment=%L',"
"    ifq, def, spc, indisclustered, indisreplident, comment) FROM i"
" UNION ALL SELECT oid, 'line', 0, 0, 0, format('index %s column %s target=%s', ifq, attnum, target) FROM ia"
" UNION ALL SELECT oid, 'line', 0, 0, 0, format('statistics %s %s owner=%I target=%s comment=%L', sfq, def, pg_get_userbyid(stxowner), target, comment) FROM s"
" UNION ALL " CALLS("v.oid", "v JOIN pg_rewrite w ON w.ev_class = v.oid", "concat(w.ev_action, w.ev_qual)")
" UNION ALL " NAMES("v.oid", "v JOIN pg_rewrite w ON w.ev_class = v.oid", "pg_rewrite", "w.oid")
" UNION ALL SELECT oid, 'type', 0, 2 * attnum, 0, format('%s.%s', fq, col) FROM a"
" UNION ALL SELECT oid, 'type', 0, 2 * attnum + 1, 0, type FROM a"
") x ORDER BY oid, what, phase, ord, sql COLLATE \"C\"";

static const char *const rule_sql =
"WITH r AS MATERIALIZED (SELECT r.oid, r.rulename, r.ev_enabled, format('%I.%I', n.nspname, c.relname) AS fq, c.relowner,"
"   pg_get_ruledef(r.oid) AS def, obj_description(r.oid, 'pg_rewrite') AS comment, c.relkind"
"  FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace WHERE r.oid = ANY ($1::oid[]))"
" SELECT * FROM ("
" SELECT oid, 'drop' AS what, 1 AS phase, 0::bigint AS ord, relowner AS role, format('DROP RULE %I ON %s', rulename, fq) AS sql FROM r"
" UNION ALL SELECT oid, 'make', 3, 0, relowner, def FROM r"
" UNION ALL SELECT oid, 'make', 3, 1, relowner, format('ALTER TABLE %s %s RULE %I', fq, CASE ev_enabled WHEN 'D' THEN 'DISABLE'"
"    WHEN 'R' THEN 'ENABLE REPLICA' ELSE 'ENABLE ALWAYS' END, rulename) FROM r WHERE ev_enabled <> 'O'"
" UNION ALL SELECT oid, 'make', 3, 1, relowner, format('COMMENT ON RULE %I ON %s IS %L', rulename, fq, comment) FROM r WHERE comment IS NOT NULL"
" UNION ALL SELECT oid, 'line', 0, 0, 0, format('%s enabled=%s comment=%L', def, ev_enabled, comment) FROM r"
" UNION ALL " CALLS("r.oid", "r JOIN pg_rewrite w ON w.oid = r.oid", "concat(w.ev_action, w.ev_qual)")
" UNION ALL " NAMES("r.oid", "r", "pg_rewrite", "r.oid")
") x ORDER BY oid, what, phase, ord, sql COLLATE \"C\"";

/* The copies that partitions have of a trigger are made with it; each has a
 * state and a comment of its own. */
static const char *const trigger_sql =
"WITH RECURSIVE down AS (SELECT t.oid AS root, t.oid FROM pg_trigger t WHERE t.oid = ANY ($1::oid[])"
"  UNION ALL SELECT d.root, t.oid FROM down d JOIN pg_trigger t ON t.tgparentid = d.oid),"
" t AS MATERIALIZED (SELECT d.root AS oid, t.oid AS tgoid, t.tgname, t.tgenabled, format('%I.%I', n.nspname, c.relname) AS fq, c.relowner,"
"   pg_get_triggerdef(t.oid) AS def, obj_description(t.oid, 'pg_trigger') AS comment"
"  FROM down d JOIN pg_trigger t ON t.oid = d.oid JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace),"
" e AS MATERIALIZED (SELECT t.oid, t.fq, t.tgname, t.relowner, e.extname FROM t JOIN pg_depend d ON d.classid = 'pg_trigger'::regclass"
"   AND d.objid = t.tgoid AND d.deptype = 'x' AND d.refclassid = 'pg_extension'::regclass JOIN pg_extension e ON e.oid = d.refobjid)"
" SELECT * FROM ("
" SELECT oid, 'drop' AS what, 1 AS phase, 0::bigint AS ord, relowner AS role, format('DROP TRIGGER %I ON %s', tgname, fq) AS sql FROM t WHERE oid = tgoid"
" UNION ALL SELECT oid, 'make', 3, 0, relowner, def FROM t WHERE oid = tgoid"
" UNION ALL SELECT oid, 'make', 3, 1, relowner, format('ALTER TABLE ONLY %s %s TRIGGER %I', fq, CASE tgenabled WHEN 'D' THEN 'DISABLE'"
"    WHEN 'R' THEN 'ENABLE REPLICA' ELSE 'ENABLE ALWAYS' END, tgname) FROM t WHERE tgenabled <> 'O'"
" UNION ALL SELECT oid, 'make', 3, 1, relowner, format('COMMENT ON TRIGGER %I ON %s IS %L', tgname, fq, comment) FROM t WHERE comment IS NOT NULL"
" UNION ALL SELECT oid, 'make', 3, 1, relowner, format('ALTER TRIGGER %I ON %s DEPENDS ON EXTENSION %I', tgname, fq, extname) FROM e"
" UNION ALL SELECT oid, 'line', 0, 0, 0, format('%s: %s enabled=%s comment=%L', fq, def, tgenabled, comment) FROM t"
" UNION ALL SELECT oid, 'line', 0, 0, 0, format('%s: depends on extension %I', fq, extname) FROM e"
" UNION ALL " CALLS("t.oid", "t JOIN pg_trigger w ON w.oid = t.tgoid", "w.tgqual::text")
") x ORDER BY oid, what, phase, ord, sql COLLATE \"C\"";

/* A policy keeps its roles and comment: for the time being it lets nothing
 * through instead. */
static const char *const policy_sql =
"WITH p AS MATERIALIZED (SELECT p.*, format('%I.%I', n.nspname, c.relname) AS fq, c.relowner,"
"   pg_get_expr(p.polqual, p.polrelid) AS qual, pg_get_expr(p.polwithcheck, p.polrelid) AS chk,"
"   (SELECT string_agg(CASE WHEN r = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(r)) END, ', ' ORDER BY 1) FROM unnest(p.polroles) r) AS roles"
"  FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE p.oid = ANY ($1::oid[]))"
" SELECT * FROM ("
" SELECT oid, 'drop' AS what, 1 AS phase, 0::bigint AS ord, relowner AS role, format('ALTER POLICY %I ON %s%s%s', polname, fq,"
"    CASE WHEN qual IS NOT NULL THEN ' USING (false)' END, CASE WHEN chk IS NOT NULL THEN ' WITH CHECK (false)' END) AS sql FROM p"
" UNION ALL SELECT oid, 'make', 3, 0, relowner, format('ALTER POLICY %I ON %s%s%s', polname, fq,"
"    ' USING (' || qual || ')', ' WITH CHECK (' || chk || ')') FROM p"
" UNION ALL SELECT oid, 'line', 0, 0, 0, format('command=%s permissive=%s roles=%s using=%s check=%s comment=%L', polcmd, polpermissive, roles, qual, chk,"
"    obj_description(oid, 'pg_policy')) FROM p"
" UNION ALL " CALLS("p.oid", "p", "concat(p.polqual, p.polwithcheck)")
" UNION ALL " NAMES("p.oid", "p", "pg_policy", "p.oid")
") x ORDER BY oid, what, phase, ord, sql COLLATE \"C\"";

static const char *const publication_sql =
"WITH p AS MATERIALIZED (SELECT p.oid, b.pubname, b.pubowner, format('%I.%I', n.nspname, c.relname) AS fq,"
"   pg_get_expr(p.prqual, p.prrelid) AS qual,"
"   (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute a"
"     WHERE a.attrelid = p.prrelid AND a.attnum = ANY (p.prattrs::int2[])) AS cols"
"  FROM pg_publication_rel p JOIN pg_publication b ON b.oid = p.prpubid JOIN pg_class c ON c.oid = p.prrelid"
"  JOIN pg_namespace n ON n.oid = c.relnamespace WHERE p.oid = ANY ($1::oid[]))"
" SELECT * FROM ("
" SELECT oid, 'drop' AS what, 1 AS phase, 0::bigint AS ord, pubowner AS role, format('ALTER PUBLICATION %I DROP TABLE ONLY %s', pubname, fq) AS sql FROM p"
" UNION ALL SELECT oid, 'make', 3, 0, pubowner, format('ALTER PUBLICATION %I ADD TABLE ONLY %s%s%s', pubname, fq,"
"    ' (' || cols || ')', ' WHERE (' || qual || ')') FROM p"
" UNION ALL SELECT oid, 'line', 0, 0, 0, format('columns=%s where=%s', cols, qual) FROM p"
" UNION ALL " CALLS("p.oid", "p JOIN pg_publication_rel w ON w.oid = p.oid", "w.prqual::text")
") x ORDER BY oid, what, phase, ord, sql COLLATE \"C\"";

/* A function keeps its identity, owner, privileges and comment: for the time
 * being its body is a text that does not run. */
static const char *const function_sql =
"WITH f AS MATERIALIZED (SELECT f.oid, f.proowner, pg_get_functiondef(f.oid) AS def, pg_get_function_sqlbody(f.oid) AS body, f.proacl"
"  FROM pg_proc f WHERE f.oid = ANY ($1::oid[]))"
" SELECT * FROM ("
" SELECT oid, 'drop' AS what, 1 AS phase, 0::bigint AS ord, proowner AS role,"
"   left(def, length(def) - length(body) - 1) || 'AS $$its body is being made again$$' AS sql FROM f"
" UNION ALL SELECT oid, 'make', 2, 0, proowner, def FROM f"
" UNION ALL SELECT oid, 'line', 0, 0, 0, format('%s owner=%I privileges=%s comment=%L', def, pg_get_userbyid(proowner), proacl,"
"    obj_description(oid, 'pg_proc')) FROM f"
" UNION ALL " CALLS("f.oid", "f JOIN pg_proc w ON w.oid = f.oid", "w.prosqlbody::text")
" UNION ALL " NAMES("f.oid", "f", "pg_proc", "f.oid")
") x ORDER BY oid, what, phase, ord, sql COLLATE \"C\"";

static const char *const *const kind_sql[REBUILD_KINDS] = {
	[REBUILD_POLICY] = &policy_sql,
	[REBUILD_PUBLICATION] = &publication_sql,
	[REBUILD_FUNCTION] = &function_sql,
	[REBUILD_TRIGGER] = &trigger_sql,
	[REBUILD_RULE] = &rule_sql,
	[REBUILD_VIEW] = &view_sql,
};

/* The item of this object; elog when it was not asked for. */
static RebuildItem *
item_of(const List *items, RebuildKind kind, Oid objid)
{
	ListCell   *lc;

	foreach(lc, items)
	{
		RebuildItem *item = lfirst(lc);

		if (item->kind == kind && item->objid == objid)
			return item;
	}
	elog(ERROR, "definition of object %u was not asked for", objid);
}

/* See the header. */
void
definition_read(RebuildKind kind, List *items, MemoryContext cxt)
{
	int64	   *oids = palloc(sizeof(int64) * Max(list_length(items), 1));
	int			n = 0;
	RebuildItem *item = NULL;
	MemoryContext old;
	SpiArgs		args;
	ListCell   *lc;
	uint64		rows;

	foreach(lc, items)
	{
		const RebuildItem *one = lfirst(lc);

		if (one->kind == kind)
			oids[n++] = one->objid;
	}
	if (n == 0)
		return;
	spi_args(&args);
	spi_arg_int8_array(&args, oids, n);
	rows = spi_exec(*kind_sql[kind], &args);
	old = MemoryContextSwitchTo(cxt);
	for (uint64 i = 0; i < rows; i++)
	{
		Oid			objid = spi_get_oid(i, 1, NULL);
		const char *what = spi_get_text(i, 2, cxt);
		char	   *text = spi_get_text(i, 6, cxt);
		RebuildStep *step;

		if (item == NULL || item->objid != objid)
			item = item_of(items, kind, objid);
		if (text == NULL)
			elog(ERROR, "%s of %s could not be written down", what, item->name);
		if (strcmp(what, "line") == 0)
			item->lines = lappend(item->lines, text);
		else if (strcmp(what, "type") == 0)
			item->types = lappend(item->types, text);
		else
		{
			step = palloc(sizeof(RebuildStep));
			step->phase = (int) spi_get_int8(i, 3, NULL);
			step->role = spi_get_oid(i, 5, NULL);
			step->sql = text;
			if (strcmp(what, "drop") == 0)
				item->drop = lappend(item->drop, step);
			else
				item->make = lappend(item->make, step);
		}
	}
	MemoryContextSwitchTo(old);
}

/* Past this word at p, or NULL; of a name in quotes past the second. */
static const char *
skip_name(const char *p)
{
	if (*p == '"')
	{
		for (p++; *p; p++)
		{
			if (p[0] == '"' && p[1] == '"')
				p++;
			else if (*p == '"')
				return p + 1;
		}
		return p;
	}
	while (*p && (isalnum((unsigned char) *p) || *p == '_' || *p == '$' || IS_HIGHBIT_SET(*p)))
		p++;
	return p;
}

/* Past text when p begins with it, else p. */
static const char *
skip_text(const char *p, const char *text)
{
	size_t		len = strlen(text);

	return strncmp(p, text, len) == 0 ? p + len : p;
}

/* Past the name of a type, as format_type writes it. */
static const char *
skip_type(const char *p)
{
	static const char *const second[] = {"character varying", "double precision", "bit varying"};
	static const char *const zone[] = {" without time zone", " with time zone"};
	const char *start = p;

	for (int i = 0; i < (int) lengthof(second); i++)
		p = (p == start) ? skip_text(p, second[i]) : p;
	if (p == start)
	{
		p = skip_name(p);
		if (*p == '.')
			p = skip_name(p + 1);
	}
	if (*p == '(' && isdigit((unsigned char) p[1]))
	{
		p += strspn(p + 1, "0123456789,-") + 1;
		p = skip_text(p, ")");
	}
	for (int i = 0; i < (int) lengthof(zone); i++)
		p = skip_text(p, zone[i]);
	while (strncmp(p, "[]", 2) == 0)
		p += 2;
	return p;
}

/* The next byte that counts, at or after p: no bracket, blank or cast. */
static const char *
next_that_counts(const char *p)
{
	for (;;)
	{
		if (*p == '(' || *p == ')' || isspace((unsigned char) *p))
			p++;
		else if (p[0] == ':' && p[1] == ':')
			p = skip_type(p + 2);
		else
			return p;
	}
}

/*
 * See the header. What runs is the old text, so that a cast can only vanish
 * where it does nothing, and only appear where a type asks for it.
 */
bool
definition_alike(const char *a, const char *b)
{
	char		quote = '\0';

	if (strcmp(a, b) == 0)
		return true;
	for (;;)
	{
		if (quote == '\0')
		{
			a = next_that_counts(a);
			b = next_that_counts(b);
		}
		if (*a != *b)
			return false;
		if (*a == '\0')
			return true;
		/* a doubled quote ends the text and begins it again */
		if (quote == '\0' && (*a == '\'' || *a == '"'))
			quote = *a;
		else if (*a == quote)
			quote = '\0';
		a++;
		b++;
	}
}
