-- What was known at an earlier moment: where the log was then, and the versions of list rows.

SET LOCAL ROLE tallystick_writer;

-- The organization's last position that was recorded by then; null when that lies in the future.
-- Positions are dense and recorded in their order: halving finds it in 24 look-ups among ten million
-- events, so that no event pays for an index of times.
CREATE FUNCTION log.reached(p_tenant uuid, p_time timestamptz) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_last   bigint := coalesce((SELECT e.tenant_position FROM log.events e
                                  WHERE e.tenant_id = p_tenant
                                  ORDER BY e.tenant_position DESC LIMIT 1), 0);
    v_low    bigint := 0;
    v_high   bigint := v_last;
    v_middle bigint;
BEGIN
    WHILE v_low < v_high LOOP
        v_middle := (v_low + v_high + 1) / 2;
        IF (SELECT e.recorded_at <= p_time FROM log.events e
             WHERE e.tenant_id = p_tenant AND e.tenant_position = v_middle) THEN
            v_low := v_middle;
        ELSE
            v_high := v_middle - 1;
        END IF;
    END LOOP;
    RETURN CASE WHEN v_low < v_last OR p_time <= clock_timestamp() THEN v_low END;
END $$;

-- How many records of a kind had begun by a position: numbers are given in the order of the log.
CREATE FUNCTION log.begun(p_tenant uuid, p_kind text, p_position bigint) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_low    bigint := 0;
    v_high   bigint := coalesce((SELECT e.number FROM log.events e
                                  WHERE e.tenant_id = p_tenant AND e.number IS NOT NULL
                                    AND split_part(e.topic, '.', 1) = p_kind
                                  ORDER BY e.tenant_id DESC, split_part(e.topic, '.', 1) DESC,
                                           e.number DESC LIMIT 1), 0);
    v_middle bigint;
BEGIN
    WHILE v_low < v_high LOOP
        v_middle := (v_low + v_high + 1) / 2;
        IF (SELECT e.tenant_position <= p_position FROM log.events e
             WHERE e.tenant_id = p_tenant AND split_part(e.topic, '.', 1) = p_kind
               AND e.number = v_middle) THEN
            v_low := v_middle;
        ELSE
            v_high := v_middle - 1;
        END IF;
    END LOOP;
    RETURN v_low;
END $$;

REVOKE ALL ON FUNCTION log.reached, log.begun FROM PUBLIC;
GRANT EXECUTE ON FUNCTION log.reached, log.begun TO tallystick_app;

SET LOCAL ROLE tallystick_owner;
