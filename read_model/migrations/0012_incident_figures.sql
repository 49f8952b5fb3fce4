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

-- One narrow row for each incident; `opened_at` and the times that passed are business time.
CREATE TABLE projections.incident_figures_v1 (
    id                        uuid        NOT NULL,
    tenant_id                 uuid        NOT NULL,
    status                    text        COLLATE "C" NOT NULL,
    is_open                   boolean     NOT NULL,
    severity                  text        COLLATE "C",
    priority                  text        COLLATE "C",
    team                      text        COLLATE "C",
    source                    text        COLLATE "C" NOT NULL,
    opened_at                 timestamptz NOT NULL,
    acknowledge_us            bigint,
    resolve_us                bigint,
    reopened                  integer     NOT NULL,
    hold_reason               text        COLLATE "C",
    held_since                timestamptz,
    held_awaiting_caller_us   bigint,
    held_awaiting_vendor_us   bigint,
    held_awaiting_change_us   bigint,
    held_awaiting_problem_us  bigint,
    held_scheduled_us         bigint,
    held_other_us             bigint,
    PRIMARY KEY (id)
) WITH (fillfactor = 70);
CREATE INDEX incident_figures_v1_by_opening
    ON projections.incident_figures_v1 (tenant_id, opened_at);
-- Few of many; only the first and the last event of most incidents touch it.
CREATE INDEX incident_figures_v1_open
    ON projections.incident_figures_v1 (tenant_id, opened_at) WHERE is_open;

INSERT INTO projections.current (name, version, declared, table_name) VALUES
    ('incident_counts', 1, 'incident_counts_v1', 'incident_counts_v1'),
    ('incident_figures', 1, 'incident_figures_v1', 'incident_figures_v1');
SELECT projections.wall(t) FROM unnest(ARRAY['incident_counts_v1', 'incident_figures_v1']) AS t;

SET LOCAL ROLE tallystick_owner;
