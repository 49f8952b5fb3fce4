-- What operators ask for, and what they watch.

SET LOCAL ROLE tallystick_tailer;

-- What was asked for a parked record and is not done yet, one thing for each; the projector does it.
-- `version`: of the event that is to be left out; null: try all of them again.
CREATE TABLE projections.repairs (
    stream_id  uuid        PRIMARY KEY,
    tenant_id  uuid        NOT NULL,
    version    bigint,
    reason     text        NOT NULL,
    asked_by   uuid        NOT NULL,
    asked_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);
SELECT projections.wall('repairs');

-- Returns the version of the first event that is parked, null when none is; another one than
-- `p_version` was meant when they differ, and nothing is asked for.
CREATE FUNCTION projections.ask_repair(p_stream uuid, p_version bigint, p_reason text, p_by uuid)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_tenant uuid := nullif(current_setting('app.tenant', true), '')::uuid;
    v_first  bigint;
BEGIN
    SELECT d.version INTO v_first FROM projections.dead_letters d
     WHERE d.tenant_id = v_tenant AND d.stream_id = p_stream ORDER BY d.position LIMIT 1;
    IF v_first = coalesce(p_version, v_first) THEN
        INSERT INTO projections.repairs (stream_id, tenant_id, version, reason, asked_by)
        VALUES (p_stream, v_tenant, p_version, p_reason, p_by)
        ON CONFLICT (stream_id) DO UPDATE SET version = excluded.version,
            reason = excluded.reason, asked_by = excluded.asked_by, asked_at = excluded.asked_at;
    END IF;
    RETURN v_first;
END $$;
REVOKE ALL ON FUNCTION projections.ask_repair FROM PUBLIC;
GRANT EXECUTE ON FUNCTION projections.ask_repair TO tallystick_app;

SET LOCAL ROLE tallystick_owner;
