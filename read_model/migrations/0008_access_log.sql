-- The access log is kept for a time only.
SET LOCAL ROLE tallystick_owner;

CREATE INDEX access_log_by_age ON access.access_log USING brin (at);

CREATE FUNCTION access.forget_old_entries(keep interval) RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH gone AS (DELETE FROM access.access_log
                   WHERE at < clock_timestamp() - keep RETURNING 1)
    SELECT count(*) FROM gone
$$;

REVOKE ALL ON FUNCTION access.forget_old_entries FROM PUBLIC;
GRANT USAGE ON SCHEMA access TO tallystick_tailer;
GRANT EXECUTE ON FUNCTION access.forget_old_entries TO tallystick_tailer;
