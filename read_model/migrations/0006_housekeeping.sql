-- Sign-ins that ended long ago; nothing that is history is ever forgotten here.
SET LOCAL ROLE tallystick_owner;

CREATE FUNCTION credentials.forget_ended_families(keep interval) RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH gone AS (DELETE FROM credentials.refresh_families
                   WHERE expires_at < clock_timestamp() - keep RETURNING 1)
    SELECT count(*) FROM gone
$$;

REVOKE ALL ON FUNCTION credentials.forget_ended_families FROM PUBLIC;
GRANT USAGE ON SCHEMA credentials TO tallystick_tailer;
GRANT EXECUTE ON FUNCTION credentials.forget_ended_families TO tallystick_tailer;
