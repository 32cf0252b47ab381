-- decide/classes: what can be wrong with a row, and what is done about it

CREATE FUNCTION selfheal.classes()
RETURNS TABLE (number int, sqlstates text, title text, verdict text, classes text[], playbooks text[], done text)
AS 'MODULE_PATHNAME', 'selfheal_classes' LANGUAGE C STABLE;
COMMENT ON FUNCTION selfheal.classes() IS
'the classes of misfit, as in docs/CLASSES.md: what PostgreSQL raises, what is done (change: the table changes; map: the row is read otherwise; retry: the same row later; hold: a person is told; operator: so is who runs the server), the words that incidents have for it, the playbooks that are tried in order, and what happens by default';
REVOKE ALL ON FUNCTION selfheal.classes() FROM PUBLIC;
