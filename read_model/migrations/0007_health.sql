-- How the projector does, for processes that may not see the log's positions.

SET LOCAL ROLE tallystick_tailer;

-- `waiting_s`: how long the oldest event that is not shown yet has waited; null when there is none.
CREATE FUNCTION projections.health()
RETURNS TABLE (waiting_s double precision, still_s double precision, is_led boolean,
               is_paused boolean, parked bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT (SELECT extract(epoch FROM clock_timestamp() - e.recorded_at)::double precision
              FROM log.events e WHERE e.notification_id = c.position + 1),
           extract(epoch FROM clock_timestamp() - c.applied_at)::double precision,
           c.holder IS NOT NULL AND c.expires_at > clock_timestamp(),
           c.paused,
           (SELECT count(DISTINCT d.stream_id) FROM projections.dead_letters d)
      FROM projections.checkpoint c WHERE c.name = 'all'
$$;
REVOKE ALL ON FUNCTION projections.health() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION projections.health() TO tallystick_app;

SET LOCAL ROLE tallystick_owner;
