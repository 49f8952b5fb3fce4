-- What operators ask for, and what they watch.

SET LOCAL ROLE tallystick_tailer;

-- What was asked for a parked record and is not done yet, one thing for each; the projector does it.
-- `version`: of the event that is to be left out; null: try all of them again.
-- `tries`: how often it could not be done; `error`: why not, the last time.
CREATE TABLE projections.repairs (
    stream_id  uuid        PRIMARY KEY,
    tenant_id  uuid        NOT NULL,
    version    bigint,
    reason     text        NOT NULL,
    asked_by   uuid        NOT NULL,
    asked_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    tries      integer     NOT NULL DEFAULT 0,
    error      text
);
SELECT projections.wall('repairs');

-- Returns the version of the first event that is parked, null when none is; another one than
-- `p_version` was meant when they differ, and nothing is asked for. A retry does not take the place
-- of a skip that waits, which tries the rest again too.
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
            reason = excluded.reason, asked_by = excluded.asked_by, asked_at = excluded.asked_at,
            tries = 0, error = NULL
         WHERE excluded.version IS NOT NULL OR repairs.version IS NULL;
    END IF;
    RETURN v_first;
END $$;
REVOKE ALL ON FUNCTION projections.ask_repair FROM PUBLIC;
GRANT EXECUTE ON FUNCTION projections.ask_repair TO tallystick_app;

-- What projectors have done since the installation began, told at most once a second.
-- `sizes`, `times`: how many batches held so many events, or took so long, by the bounds that
-- read_model/watching.py names; what is beyond all of them comes last.
-- `lately_events` in `lately_s`: between the last two tellings.
CREATE TABLE projections.activity (
    name           text             PRIMARY KEY,
    batches        bigint           NOT NULL DEFAULT 0,
    events         bigint           NOT NULL DEFAULT 0,
    busy_s         double precision NOT NULL DEFAULT 0,
    sizes          bigint[]         NOT NULL DEFAULT '{}',
    times          bigint[]         NOT NULL DEFAULT '{}',
    last_events    integer          NOT NULL DEFAULT 0,
    last_s         double precision NOT NULL DEFAULT 0,
    lately_events  integer          NOT NULL DEFAULT 0,
    lately_s       double precision NOT NULL DEFAULT 1,
    told_at        timestamptz
) WITH (fillfactor = 50);
INSERT INTO projections.activity (name) VALUES ('all');

-- Everything that there is to watch, for processes that may see no rows of the organizations.
-- `still_s`: since when the position has not moved. `told_s`: since when nothing was
-- told; null when never.
CREATE FUNCTION projections.watch()
RETURNS TABLE (shown bigint, head bigint, waiting_s double precision, still_s double precision,
               is_led boolean, is_paused boolean, parked bigint, parked_events bigint,
               asked bigint, batches bigint, events bigint, busy_s double precision,
               sizes bigint[], times bigint[], last_events integer, last_s double precision,
               lately_events integer, lately_s double precision, told_s double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT c.position,
           coalesce((SELECT max(e.notification_id) FROM log.events e), 0),
           h.waiting_s, h.still_s, h.is_led, h.is_paused, h.parked,
           (SELECT count(*) FROM projections.dead_letters),
           (SELECT count(*) FROM projections.repairs),
           a.batches, a.events, a.busy_s, a.sizes, a.times, a.last_events, a.last_s,
           a.lately_events, a.lately_s,
           extract(epoch FROM clock_timestamp() - a.told_at)::double precision
      FROM projections.checkpoint c, projections.activity a, projections.health() h
     WHERE c.name = 'all' AND a.name = 'all'
$$;

-- Rebuilds that wait or are under way: what was asked for first comes first.
CREATE FUNCTION projections.rebuilds_under_way()
RETURNS TABLE (names text[], state text, phase text, done bigint, total bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT r.names, r.state, coalesce(r.phase, ''), r.done, r.total FROM projections.rebuilds r
     WHERE r.state IN ('waiting', 'running') ORDER BY r.requested_at, r.id
$$;
REVOKE ALL ON FUNCTION projections.watch, projections.rebuilds_under_way FROM PUBLIC;
GRANT EXECUTE ON FUNCTION projections.watch, projections.rebuilds_under_way TO tallystick_app;

SET LOCAL ROLE tallystick_owner;
