/*
 * compat.h
 *	  The only place that asks which PostgreSQL this is (15 to 18).
 *
 * A room that needs something that differs between versions gets a name here
 * and uses that name; no other file tests PG_VERSION_NUM.
 */
#ifndef SELFHEAL_COMPAT_H
#define SELFHEAL_COMPAT_H

#include "postgres.h"

#include "access/xact.h"

#if PG_VERSION_NUM < 150000 || PG_VERSION_NUM >= 190000
#error "selfheal is written for PostgreSQL 15 to 18"
#endif

#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#include "funcapi.h"

/* The mark of a function that does not return stands before it since 18. */
#if PG_VERSION_NUM < 180000
#define pg_noreturn __attribute__((noreturn))
#endif

/* InitMaterializedSRF came with 15.1; 15.0 knows it as SetSingleFuncCall. */
#if PG_VERSION_NUM == 150000
#define InitMaterializedSRF(fcinfo, flags) SetSingleFuncCall(fcinfo, flags)
#endif

/* Ownership and privilege checks got one family of names in 16. */
#if PG_VERSION_NUM >= 160000
#define compat_class_ownercheck(relid, roleid) \
	object_ownercheck(RelationRelationId, (relid), (roleid))
#define compat_type_ownercheck(typid, roleid) \
	object_ownercheck(TypeRelationId, (typid), (roleid))
#define compat_namespace_ownercheck(nspid, roleid) \
	object_ownercheck(NamespaceRelationId, (nspid), (roleid))
#else
#define compat_class_ownercheck(relid, roleid) \
	pg_class_ownercheck((relid), (roleid))
#define compat_type_ownercheck(typid, roleid) \
	pg_type_ownercheck((typid), (roleid))
#define compat_namespace_ownercheck(nspid, roleid) \
	pg_namespace_ownercheck((nspid), (roleid))
#endif

#if PG_VERSION_NUM >= 160000
#define compat_namespace_aclcheck(nspid, roleid, mode) \
	object_aclcheck(NamespaceRelationId, (nspid), (roleid), (mode))
#else
#define compat_namespace_aclcheck(nspid, roleid, mode) \
	pg_namespace_aclcheck((nspid), (roleid), (mode))
#endif

/* A type by its name, or an error; what is to be done instead of one is a flag
 * in 15 and a pointer since 16: none is the same for both. */
#define compat_parse_type(name, type, typmod) \
	parseTypeString((name), (type), (typmod), 0)

/* Constraints that are not enforced came with 18. */
#if PG_VERSION_NUM >= 180000
#define compat_constraint_enforced(form) ((form)->conenforced)
#else
#define compat_constraint_enforced(form) true
#endif

/* Needs catalog/pg_tablespace.h and utils/acl.h. */
#if PG_VERSION_NUM >= 160000
#define compat_tablespace_aclcheck(spcid, roleid, mode) \
	object_aclcheck(TableSpaceRelationId, (spcid), (roleid), (mode))
#else
#define compat_tablespace_aclcheck(spcid, roleid, mode) \
	pg_tablespace_aclcheck((spcid), (roleid), (mode))
#endif

/* LockHeldByMe may be asked for stronger modes too from 17 on. */
#if PG_VERSION_NUM >= 170000
#define compat_lock_held(tag, mode) LockHeldByMe((tag), (mode), false)
#else
#define compat_lock_held(tag, mode) LockHeldByMe((tag), (mode))
#endif

/* In which subtransaction a relation got its file; relfilenodes became
 * relfilelocators in 16. */
#if PG_VERSION_NUM >= 160000
#define compat_new_file_subid(rel) ((rel)->rd_newRelfilelocatorSubid)
#else
#define compat_new_file_subid(rel) ((rel)->rd_newRelfilenodeSubid)
#endif

/* A backend's local transaction id moved into a struct in 17. */
#if PG_VERSION_NUM >= 170000
#define compat_lxid() (MyProc->vxid.lxid)
#else
#define compat_lxid() (MyProc->lxid)
#endif

/* The module block carries name and version from 18 on. */
#if PG_VERSION_NUM >= 180000
#define SELFHEAL_MODULE_MAGIC \
	PG_MODULE_MAGIC_EXT(.name = "selfheal", .version = SELFHEAL_VERSION)
#else
#define SELFHEAL_MODULE_MAGIC PG_MODULE_MAGIC
#endif

/* ExecutorRun's last argument went away in 18. */
#if PG_VERSION_NUM >= 180000
#define COMPAT_RUN_ARGS \
	QueryDesc *desc, ScanDirection direction, uint64 count
#define COMPAT_RUN_PASS desc, direction, count
#else
#define COMPAT_RUN_ARGS \
	QueryDesc *desc, ScanDirection direction, uint64 count, bool execute_once
#define COMPAT_RUN_PASS desc, direction, count, execute_once
#endif

/* The statement tree of CALL etc. is read-only since 14; the hook's shape is
 * the same from 15 to 18. */
#define COMPAT_UTILITY_ARGS \
	PlannedStmt *pstmt, const char *queryString, bool readOnlyTree, \
	ProcessUtilityContext context, ParamListInfo params, \
	QueryEnvironment *queryEnv, DestReceiver *dest, QueryCompletion *qc
#define COMPAT_UTILITY_PASS \
	pstmt, queryString, readOnlyTree, context, params, queryEnv, dest, qc

/* LogLogicalMessage can be told to flush from 17 on; callers flush by
 * themselves where it matters. Needs replication/message.h. */
#if PG_VERSION_NUM >= 170000
#define compat_log_message(prefix, message, size) \
	LogLogicalMessage((prefix), (message), (size), true, false)
#else
#define compat_log_message(prefix, message, size) \
	LogLogicalMessage((prefix), (message), (size), true)
#endif

/*
 * Our symbols are hidden but for the entry points. 16 and later mark a SQL
 * function for export with its record; 15 marks the record alone. Every file
 * with SQL functions therefore includes this header, after fmgr.h.
 */
#if PG_VERSION_NUM < 160000
#include "fmgr.h"
#undef PG_FUNCTION_INFO_V1
#define PG_FUNCTION_INFO_V1(name) \
	PGDLLEXPORT Datum name(PG_FUNCTION_ARGS); \
	PGDLLEXPORT const Pg_finfo_record *pg_finfo_##name(void); \
	const Pg_finfo_record * \
	pg_finfo_##name(void) \
	{ \
		static const Pg_finfo_record version_one = {1}; \
\
		return &version_one; \
	} \
	extern int	pg_finfo_end_##name
#endif

/* A process's number in the PGPROC array left PGPROC in 17. Needs
 * storage/proc.h. */
#if PG_VERSION_NUM >= 170000
#define compat_my_procno() MyProcNumber
#else
#define compat_my_procno() (MyProc->pgprocno)
#endif

/* Needs catalog/pg_database.h and utils/acl.h. */
#if PG_VERSION_NUM >= 160000
#define compat_database_ownercheck(dbid, roleid) \
	object_ownercheck(DatabaseRelationId, (dbid), (roleid))
#else
#define compat_database_ownercheck(dbid, roleid) \
	pg_database_ownercheck((dbid), (roleid))
#endif

/* Index entries of one new tuple; 16 added a switch for summarizing indexes.
 * Needs executor/executor.h. */
#if PG_VERSION_NUM >= 160000
#define compat_insert_index_tuples(target, slot, estate) \
	ExecInsertIndexTuples((target), (slot), (estate), false, false, NULL, NIL, false)
#else
#define compat_insert_index_tuples(target, slot, estate) \
	ExecInsertIndexTuples((target), (slot), (estate), false, false, NULL, NIL)
#endif

/* Where a range table entry says which columns an INSERT fills. Needs
 * nodes/parsenodes.h and parser/parse_node.h. */
#if PG_VERSION_NUM >= 160000
#define compat_inserted_columns(nsitem) ((nsitem)->p_perminfo->insertedCols)
#else
#define compat_inserted_columns(nsitem) ((nsitem)->p_rte->insertedCols)
#endif

/* The range table of a hand-made executor state got its permissions in 16 and
 * the relations that survive pruning in 18. Needs executor/executor.h. */
#if PG_VERSION_NUM >= 180000
#define compat_init_range_table(estate, pstate) \
	ExecInitRangeTable((estate), (pstate)->p_rtable, (pstate)->p_rteperminfos, \
					   bms_make_singleton(1))
#elif PG_VERSION_NUM >= 160000
#define compat_init_range_table(estate, pstate) \
	ExecInitRangeTable((estate), (pstate)->p_rtable, (pstate)->p_rteperminfos)
#else
#define compat_init_range_table(estate, pstate) \
	ExecInitRangeTable((estate), (pstate)->p_rtable)
#endif

/* Has a table columns that the database computes? The virtual ones came with
 * 18. Needs access/tupdesc.h. */
#if PG_VERSION_NUM >= 180000
#define compat_has_generated(constr) \
	((constr)->has_generated_stored || (constr)->has_generated_virtual)
#else
#define compat_has_generated(constr) ((constr)->has_generated_stored)
#endif

/* How a partition's columns follow from its root's: a field of the partition
 * up to 15, made when asked for since. Needs executor/executor.h. */
#if PG_VERSION_NUM >= 160000
#define compat_root_to_child_map(target, estate) \
	ExecGetRootToChildMap((target), (estate))
#else
#define compat_root_to_child_map(target, estate) ((target)->ri_RootToPartitionMap)
#endif

/* Reading dates may tell more about an error from 16 on. Needs
 * utils/datetime.h. */
#if PG_VERSION_NUM >= 160000
#define compat_decode_datetime(field, ftype, nf, dtype, tm, fsec, tz) \
	DecodeDateTime((field), (ftype), (nf), (dtype), (tm), (fsec), (tz), \
				   &(DateTimeErrorExtra) {0})
#define compat_decode_time(field, ftype, nf, dtype, tm, fsec, tz) \
	DecodeTimeOnly((field), (ftype), (nf), (dtype), (tm), (fsec), (tz), \
				   &(DateTimeErrorExtra) {0})
#else
#define compat_decode_datetime(field, ftype, nf, dtype, tm, fsec, tz) \
	DecodeDateTime((field), (ftype), (nf), (dtype), (tm), (fsec), (tz))
#define compat_decode_time(field, ftype, nf, dtype, tm, fsec, tz) \
	DecodeTimeOnly((field), (ftype), (nf), (dtype), (tm), (fsec), (tz))
#endif

/*
 * Ask a type's input function whether it takes this text (NULL: a null of a
 * domain). From 16 on most types answer without a throw: then false, and
 * *error is made in the current context. Up to 15 a refusal is always thrown.
 */
#if PG_VERSION_NUM >= 160000
#include "nodes/miscnodes.h"
static inline bool
compat_input(FmgrInfo *in, char *text, Oid ioparam, int32 typmod,
			 Datum *result, ErrorData **error)
{
	ErrorSaveContext soft = {.type = T_ErrorSaveContext};
	bool		taken;

	soft.details_wanted = true;
	taken = InputFunctionCallSafe(in, text, ioparam, typmod,
								  (fmNodePtr) &soft, result);
	*error = soft.error_data;
	return taken;
}
#else
static inline bool
compat_input(FmgrInfo *in, char *text, Oid ioparam, int32 typmod,
			 Datum *result, ErrorData **error)
{
	*result = InputFunctionCall(in, text, ioparam, typmod);
	*error = NULL;
	return true;
}
#endif

/* What hangs onto a setting's value must come from guc.c since 16. Needs
 * utils/guc.h. */
#if PG_VERSION_NUM >= 160000
#define compat_guc_malloc(size) guc_malloc(LOG, (size))
#else
#define compat_guc_malloc(size) malloc(size)
#endif

/* The session's way to write money. Declared here, the same in all versions:
 * utils/pg_locale.h drags ICU's headers in, which few machines have. */
#include <locale.h>
extern struct lconv *PGLC_localeconv(void);

/* Up to 15 a command that goes on to children has a subtype of its own. Needs
 * nodes/parsenodes.h. */
#if PG_VERSION_NUM >= 160000
#define compat_adds_constraint(subtype) ((subtype) == AT_AddConstraint)
#define compat_drops_column(subtype) ((subtype) == AT_DropColumn)
#else
#define compat_adds_constraint(subtype) \
	((subtype) == AT_AddConstraint || (subtype) == AT_AddConstraintRecurse)
#define compat_drops_column(subtype) \
	((subtype) == AT_DropColumn || (subtype) == AT_DropColumnRecurse)
#endif

/* ADD COLUMN knows STORAGE from 16 on. Needs nodes/parsenodes.h. */
#if PG_VERSION_NUM >= 160000
#define compat_column_storage(def) ((def)->storage_name != NULL)
#else
#define compat_column_storage(def) false
#endif

/*
 * Lines of a list that are not there in every version: members of
 * AlterTableType and ConstrType, for decide/subcommands.c.
 */
#if PG_VERSION_NUM < 160000
#define COMPAT_UNTIL_15(...) __VA_ARGS__
#else
#define COMPAT_UNTIL_15(...)
#endif
#if PG_VERSION_NUM < 180000
#define COMPAT_UNTIL_17(...) __VA_ARGS__
#else
#define COMPAT_UNTIL_17(...)
#endif
#if PG_VERSION_NUM >= 170000
#define COMPAT_SINCE_17(...) __VA_ARGS__
#else
#define COMPAT_SINCE_17(...)
#endif
#if PG_VERSION_NUM >= 180000
#define COMPAT_SINCE_18(...) __VA_ARGS__
#else
#define COMPAT_SINCE_18(...)
#endif

/* A scan of an index that is read without the executor (18 counts for
 * EXPLAIN, if asked). */
#if PG_VERSION_NUM >= 180000
#define compat_index_beginscan(rel, index, snapshot, nkeys) \
	index_beginscan((rel), (index), (snapshot), NULL, (nkeys), 0)
#else
#define compat_index_beginscan(rel, index, snapshot, nkeys) \
	index_beginscan((rel), (index), (snapshot), (nkeys), 0)
#endif

/* The sequence of an identity column: from 17 on the relation is asked. Needs
 * catalog/dependency.h. */
#if PG_VERSION_NUM >= 170000
#define compat_identity_sequence(rel, attnum) getIdentitySequence((rel), (attnum), true)
#else
#define compat_identity_sequence(rel, attnum) \
	getIdentitySequence(RelationGetRelid(rel), (attnum), true)
#endif

/* What a GROUP BY's columns are made from: an entry of the range table of its
 * own from 18 on. Needs nodes/parsenodes.h. */
#if PG_VERSION_NUM >= 180000
#define compat_group_exprs(rte) \
	((rte)->rtekind == RTE_GROUP ? (rte)->groupexprs : NIL)
#else
#define compat_group_exprs(rte) NIL
#endif

/*
 * Foreign keys that PostgreSQL does not check, and such whose key is a period
 * and may have several parents: both came with 18. Needs utils/rel.h and
 * catalog/pg_constraint.h.
 */
#if PG_VERSION_NUM >= 180000
#define compat_fk_checked(fk) ((fk)->conenforced)
#define compat_fk_period(con) ((con)->conperiod)
#else
#define compat_fk_checked(fk) true
#define compat_fk_period(con) false
#endif

/* A WaitEventSet of this process, with room for n events, that its maker
 * frees: 17 knows owners of resources in place of contexts. Needs
 * storage/latch.h and utils/memutils.h. */
#if PG_VERSION_NUM >= 170000
#define compat_create_wait_event_set(n) CreateWaitEventSet(NULL, (n))
#else
#define compat_create_wait_event_set(n) CreateWaitEventSet(TopMemoryContext, (n))
#endif

/* COPY's marker of a default came with 16, FORCE_NULL * with 17. Need
 * commands/copy.h. */
#if PG_VERSION_NUM >= 160000
#define compat_copy_default(opts) ((opts)->default_print)
#else
#define compat_copy_default(opts) NULL
#endif
#if PG_VERSION_NUM >= 170000
#define compat_copy_all(opts, member) ((opts)->member)
#else
#define compat_copy_all(opts, member) false
#endif

/* Has another statement of this transaction come to its end, in a pipeline?
 * The first minor releases of 15 do not say. */
#ifdef XACT_FLAGS_PIPELINING
#define compat_pipelining() ((MyXactFlags & XACT_FLAGS_PIPELINING) != 0)
#else
#define compat_pipelining() false
#endif

#endif							/* SELFHEAL_COMPAT_H */
