-- What may run by itself: the team's rules, by SQL.

CREATE FUNCTION selfheal.set_policy(relation regclass DEFAULT NULL, step text DEFAULT NULL, cost text DEFAULT NULL,
	verdict text DEFAULT NULL, subscribers_heal boolean DEFAULT NULL) RETURNS void
AS 'MODULE_PATHNAME', 'selfheal_set_policy' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.set_policy(regclass, text, text, text, boolean) IS
'say of a watched table (null: of all) whether a kind of step (add_column, widen_type, and the others of docs/SAFETY.md; null: any) with a cost (metadata, scan, index, rewrite, dependents, published; null: any) runs by itself (auto), waits for approval (review) or is not planned (deny). auto lets nothing run beyond selfheal.auto_rewrite_limit (raise that for more), and nothing that docs/SAFETY.md refuses. subscribers_heal => true: a publication of the table is no reason to wait';
REVOKE ALL ON FUNCTION selfheal.set_policy(regclass, text, text, text, boolean) FROM PUBLIC;

CREATE FUNCTION selfheal.drop_policy(relation regclass DEFAULT NULL, step text DEFAULT NULL, cost text DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'selfheal_drop_policy' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.drop_policy(regclass, text, text) IS
'take back the one rule that set_policy() made with these arguments';
REVOKE ALL ON FUNCTION selfheal.drop_policy(regclass, text, text) FROM PUBLIC;

CREATE FUNCTION selfheal.policy_effective(relation regclass)
RETURNS TABLE (step text, cost text, verdict text, source text, size_limit bigint, set_by text, set_at timestamptz, reason text, set_login text)
AS 'MODULE_PATHNAME', 'selfheal_policy_effective' LANGUAGE C STABLE;
COMMENT ON FUNCTION selfheal.policy_effective(regclass) IS
'what counts for a table (null: for tables without rules of their own), one row for each kind of step and cost that it can come with: auto, review or deny, where that comes from (built-in, default, table, mode, setting), up to how many bytes, who said so (set_login: logged in as whom), and why';
REVOKE ALL ON FUNCTION selfheal.policy_effective(regclass) FROM PUBLIC;
