-- What a model is told of an incident.

CREATE FUNCTION selfheal.packet(incident bigint, marker text DEFAULT 'selfheal-data') RETURNS jsonb
AS 'MODULE_PATHNAME', 'selfheal_packet' LANGUAGE C STABLE;
COMMENT ON FUNCTION selfheal.packet(bigint, text) IS
'what a model would be told of an incident, block by block: documentation, the incident, and samples of held values by share_values; marker: what others wrote stands between lines with it';
REVOKE ALL ON FUNCTION selfheal.packet(bigint, text) FROM PUBLIC;
