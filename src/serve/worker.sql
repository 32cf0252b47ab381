-- The worker's SQL face: wake it, wait for it.
CREATE FUNCTION selfheal.wake() RETURNS void
	AS 'MODULE_PATHNAME', 'selfheal_wake' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.wake() IS
	'Ask this database''s worker for a look at everything that is waiting, as soon as this transaction commits';
REVOKE ALL ON FUNCTION selfheal.wake() FROM PUBLIC;

CREATE FUNCTION selfheal.wait_idle(timeout interval DEFAULT '30s') RETURNS jsonb
	AS 'MODULE_PATHNAME', 'selfheal_wait_idle' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.wait_idle(interval) IS
	'Wait until all that was committed before the call is dealt with and nothing is runnable now, conversations with Claude among it; tells {"idle": bool, "why": text if not, "awaiting_approval", "awaiting_parent", "asking", "waiting_lock", "failed", "needs_human": incidents, "held": rows, "stopped": why the healer is}';
REVOKE ALL ON FUNCTION selfheal.wait_idle(interval) FROM PUBLIC;

-- Goes out when CREATE EXTENSION commits: the worker looks around once.
SELECT selfheal.wake();
