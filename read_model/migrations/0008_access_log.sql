-- The access log is kept for a time only.
SET LOCAL ROLE tallystick_owner;

CREATE INDEX access_log_by_age ON access.access_log USING brin (at);

-- Nobody changes what was written down, and nobody takes away what is not a day old: that is for an
-- organization's administrators to see first.
CREATE FUNCTION access.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the access log is append-only' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER entries_are_never_changed BEFORE UPDATE ON access.access_log
    FOR EACH ROW EXECUTE FUNCTION access.refuse_change();
CREATE TRIGGER young_entries_stay BEFORE DELETE ON access.access_log
    FOR EACH ROW WHEN (old.at > clock_timestamp() - interval '1 day')
    EXECUTE FUNCTION access.refuse_change();
CREATE TRIGGER entries_are_never_truncated BEFORE TRUNCATE ON access.access_log
    FOR EACH STATEMENT EXECUTE FUNCTION access.refuse_change();

CREATE FUNCTION access.forget_old_entries(keep interval) RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH gone AS (DELETE FROM access.access_log
                   WHERE at < clock_timestamp() - keep RETURNING 1)
    SELECT count(*) FROM gone
$$;

REVOKE ALL ON FUNCTION access.forget_old_entries FROM PUBLIC;
GRANT USAGE ON SCHEMA access TO tallystick_tailer;
GRANT EXECUTE ON FUNCTION access.forget_old_entries TO tallystick_tailer;
