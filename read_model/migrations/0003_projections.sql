-- What is shown: tables folded from the log by one leased projector, versioned by name.
-- `position` is the log's and never leaves the process; `tenant_position` is the organization's.

CREATE SCHEMA projections AUTHORIZATION tallystick_tailer;
SET LOCAL ROLE tallystick_tailer;
GRANT USAGE ON SCHEMA projections TO tallystick_app;

-- One row: how far everything has been applied, and who may go on.
CREATE TABLE projections.checkpoint (
    name         text        PRIMARY KEY,
    position     bigint      NOT NULL DEFAULT 0,
    epoch        integer     NOT NULL DEFAULT 1,
    holder       uuid,
    expires_at   timestamptz NOT NULL DEFAULT '-infinity',
    paused       boolean     NOT NULL DEFAULT false,
    applied_at   timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50);
INSERT INTO projections.checkpoint (name) VALUES ('all');
-- The log's position would tell one organization how busy the others are.
GRANT SELECT (name, epoch) ON projections.checkpoint TO tallystick_app;

CREATE TABLE projections.current (
    name        text    PRIMARY KEY,
    version     integer NOT NULL,
    table_name  text    NOT NULL
);
INSERT INTO projections.current (name, version, table_name) VALUES
    ('incident', 1, 'incident_v1'),
    ('incident_list', 1, 'incident_list_v1'),
    ('incident_timeline', 1, 'incident_timeline_v1'),
    ('changes', 1, 'changes_v1'),
    ('people', 1, 'people_v1');
GRANT SELECT ON projections.current TO tallystick_app;

-- Events that a fold or a table refused, and all later ones of the same record, in order.
CREATE TABLE projections.dead_letters (
    stream_id         uuid        NOT NULL,
    position          bigint      NOT NULL,
    tenant_id         uuid        NOT NULL,
    tenant_position   bigint      NOT NULL,
    version           bigint      NOT NULL,
    type              text        COLLATE "C" NOT NULL,
    reason            text        NOT NULL,
    PRIMARY KEY (stream_id, position)
);

-- The ready document. `people`: the subject ids it names, whose names the rim fills in.
CREATE TABLE projections.incident_v1 (
    id           uuid    NOT NULL,
    tenant_id    uuid    NOT NULL,
    number       bigint  NOT NULL,
    version      bigint  NOT NULL,
    position     bigint  NOT NULL,
    is_personal  boolean NOT NULL,
    people       uuid[]  NOT NULL,
    updated_at   timestamptz NOT NULL,
    document     text    COLLATE "C" NOT NULL,
    PRIMARY KEY (id)
) WITH (fillfactor = 70);
-- Here and not in the list: every event changes it, and would touch all of the list's indexes.
CREATE INDEX incident_v1_by_update ON projections.incident_v1 (tenant_id, updated_at, id);

CREATE TABLE projections.incident_list_v1 (
    id             uuid        NOT NULL,
    tenant_id      uuid        NOT NULL,
    number         bigint      NOT NULL,
    status         text        COLLATE "C" NOT NULL,
    severity       text        COLLATE "C",
    severity_rank  smallint    NOT NULL,
    priority       text        COLLATE "C",
    team           text        COLLATE "C",
    assignee       uuid,
    source         text        COLLATE "C" NOT NULL,
    source_key     text        COLLATE "C",
    opened_at      timestamptz NOT NULL,
    closed_at      timestamptz,
    reopened       integer     NOT NULL,
    deviations     text[]      NOT NULL,
    imported_row   bigint,
    imported_step  bigint,
    document       text        COLLATE "C" NOT NULL,
    PRIMARY KEY (id)
) WITH (fillfactor = 70);
CREATE INDEX incident_list_v1_by_opening ON projections.incident_list_v1 (tenant_id, opened_at, id);
CREATE INDEX incident_list_v1_by_number ON projections.incident_list_v1 (tenant_id, number, id);
CREATE INDEX incident_list_v1_by_severity
    ON projections.incident_list_v1 (tenant_id, severity_rank, id);
CREATE INDEX incident_list_v1_by_source_key
    ON projections.incident_list_v1 (tenant_id, source, source_key) WHERE source_key IS NOT NULL;

-- The order in which things happened; what happened stands in the feed of changes.
CREATE TABLE projections.incident_timeline_v1 (
    stream_id        uuid        NOT NULL,
    occurred_at      timestamptz NOT NULL,
    version          bigint      NOT NULL,
    tenant_id        uuid        NOT NULL,
    tenant_position  bigint      NOT NULL,
    position         bigint      NOT NULL,
    PRIMARY KEY (stream_id, occurred_at, version)
);

-- The organization's feed without gaps: every event of every kind, with what it changed.
CREATE TABLE projections.changes_v1 (
    tenant_id        uuid        NOT NULL,
    tenant_position  bigint      NOT NULL,
    position         bigint      NOT NULL,
    stream_id        uuid        NOT NULL,
    version          bigint      NOT NULL,
    type             text        COLLATE "C" NOT NULL,
    schema_version   smallint    NOT NULL,
    actor_id         uuid        NOT NULL,
    recorded_at      timestamptz NOT NULL,
    occurred_at      timestamptz NOT NULL,
    item             text        COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, tenant_position)
);
CREATE UNIQUE INDEX changes_v1_by_stream ON projections.changes_v1 (stream_id, version);
CREATE INDEX changes_v1_by_type ON projections.changes_v1 (tenant_id, type, tenant_position);

-- Who appears in an organization: the display name stays sealed.
CREATE TABLE projections.people_v1 (
    id          uuid    NOT NULL,
    tenant_id   uuid    NOT NULL,
    subject_id  uuid    NOT NULL,
    version     bigint  NOT NULL,
    position    bigint  NOT NULL,
    standing    text    COLLATE "C" NOT NULL,
    document    text    COLLATE "C" NOT NULL,
    PRIMARY KEY (id)
);
CREATE UNIQUE INDEX people_v1_by_subject ON projections.people_v1 (tenant_id, subject_id);

-- A read wall: the app sees the rows of the one organization that its transaction names.
DO $$
DECLARE walled text;
BEGIN
    FOREACH walled IN ARRAY ARRAY['dead_letters', 'incident_v1', 'incident_list_v1',
                                  'incident_timeline_v1', 'changes_v1', 'people_v1'] LOOP
        EXECUTE format('ALTER TABLE projections.%I ENABLE ROW LEVEL SECURITY', walled);
        EXECUTE format('CREATE POLICY tenant ON projections.%I FOR SELECT TO tallystick_app USING '
            '(tenant_id = nullif(current_setting(''app.tenant'', true), '''')::uuid)', walled);
        EXECUTE format('GRANT SELECT ON projections.%I TO tallystick_app', walled);
    END LOOP;
END $$;

SET LOCAL ROLE tallystick_owner;
