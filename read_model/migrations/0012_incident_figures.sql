-- What is counted and measured of incidents.

SET LOCAL ROLE tallystick_tailer;

-- How many say the same; an empty text stands for none. Each batch replaces the rows of the keys
-- that it meets, so most of a page is left free for their next versions.
CREATE TABLE projections.incident_counts_v1 (
    tenant_id  uuid    NOT NULL,
    status     text    COLLATE "C" NOT NULL,
    severity   text    COLLATE "C" NOT NULL,
    team       text    COLLATE "C" NOT NULL,
    count      bigint  NOT NULL,
    PRIMARY KEY (tenant_id, status, severity, team)
) WITH (fillfactor = 20);

INSERT INTO projections.current (name, version, declared, table_name) VALUES
    ('incident_counts', 1, 'incident_counts_v1', 'incident_counts_v1');
SELECT projections.wall(t) FROM unnest(ARRAY['incident_counts_v1']) AS t;

SET LOCAL ROLE tallystick_owner;
