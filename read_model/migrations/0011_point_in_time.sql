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
-- As its owner, and 0 for another organization than the transaction's: behind the wall no index
-- could answer by kind, as `split_part` is not leakproof.
CREATE FUNCTION log.begun(p_tenant uuid, p_kind text, p_position bigint) RETURNS bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_tenant uuid   := CASE WHEN p_tenant = nullif(current_setting('app.tenant', true), '')::uuid
                            THEN p_tenant END;
    v_low    bigint := 0;
    v_high   bigint := coalesce((SELECT e.number FROM log.events e
                                  WHERE e.tenant_id = v_tenant AND e.number IS NOT NULL
                                    AND split_part(e.topic, '.', 1) = p_kind
                                  ORDER BY e.tenant_id DESC, split_part(e.topic, '.', 1) DESC,
                                           e.number DESC LIMIT 1), 0);
    v_middle bigint;
BEGIN
    WHILE v_low < v_high LOOP
        v_middle := (v_low + v_high + 1) / 2;
        IF (SELECT e.tenant_position <= p_position FROM log.events e
             WHERE e.tenant_id = v_tenant AND split_part(e.topic, '.', 1) = p_kind
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

SET LOCAL ROLE tallystick_tailer;

-- What the list knew of an incident from `tenant_position` on, until its next row; a row for every
-- event that changed what lists are filtered, sorted or counted by. Rows are only ever added.
CREATE TABLE projections.incident_versions_v1 (
    stream_id        uuid        NOT NULL,
    tenant_id        uuid        NOT NULL,
    tenant_position  bigint      NOT NULL,
    position         bigint      NOT NULL,
    number           bigint      NOT NULL,
    status           text        COLLATE "C" NOT NULL,
    severity         text        COLLATE "C",
    severity_rank    smallint    NOT NULL,
    priority         text        COLLATE "C",
    team             text        COLLATE "C",
    assignee         uuid,
    source           text        COLLATE "C" NOT NULL,
    source_key       text        COLLATE "C",
    opened_at        timestamptz NOT NULL,
    closed_at        timestamptz,
    reopened         integer     NOT NULL,
    deviations       text[]      NOT NULL,
    PRIMARY KEY (stream_id, tenant_position)
);
-- Alone among what lists are sorted by, the severity of an incident changes.
CREATE INDEX incident_versions_v1_by_severity
    ON projections.incident_versions_v1 (tenant_id, severity_rank, stream_id);
SELECT projections.wall('incident_versions_v1');
INSERT INTO projections.current (name, version, declared, table_name) VALUES
    ('incident_versions', 1, 'incident_versions_v1', 'incident_versions_v1');

SET LOCAL ROLE tallystick_owner;
