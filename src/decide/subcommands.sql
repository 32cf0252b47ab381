-- decide/subcommands: the verdict over every form of ALTER TABLE

CREATE FUNCTION selfheal.verdicts()
RETURNS TABLE (part text, number integer, name text, words text, verdict text, reason text)
AS 'MODULE_PATHNAME', 'selfheal_verdicts' LANGUAGE C STABLE;
COMMENT ON FUNCTION selfheal.verdicts() IS
'what becomes of each form of ALTER TABLE that this server knows (part subcommand: number and name as in AlterTableType of its header), of each constraint of a new column (part constraint: ConstrType) and of other statements: a kind of step, or refused, and why';
REVOKE ALL ON FUNCTION selfheal.verdicts() FROM PUBLIC;
