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
    layout       integer     NOT NULL DEFAULT 1,  -- rises whenever `current` points elsewhere
    applied_at   timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50);
INSERT INTO projections.checkpoint (name) VALUES ('all');
-- The log's position would tell one organization how busy the others are.
GRANT SELECT (name, epoch, layout) ON projections.checkpoint TO tallystick_app;

-- `declared`: the table as code and migrations name it; `table_name`: the one that has its rows.
CREATE TABLE projections.current (
    name        text    PRIMARY KEY,
    version     integer NOT NULL,
    declared    text    NOT NULL UNIQUE,
    table_name  text    NOT NULL UNIQUE
);
INSERT INTO projections.current (name, version, declared, table_name) VALUES
    ('incident', 1, 'incident_v1', 'incident_v1'),
    ('incident_list', 1, 'incident_list_v1', 'incident_list_v1'),
    ('incident_timeline', 1, 'incident_timeline_v1', 'incident_timeline_v1'),
    ('changes', 1, 'changes_v1', 'changes_v1'),
    ('people', 1, 'people_v1', 'people_v1');
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
-- Every page of a list asks whether one of its organization's records is parked.
CREATE INDEX dead_letters_by_tenant ON projections.dead_letters (tenant_id, stream_id);

-- Events that somebody decided to leave out for good: no fold sees them again.
CREATE TABLE projections.skipped (
    position    bigint      PRIMARY KEY,
    stream_id   uuid        NOT NULL,
    tenant_id   uuid        NOT NULL,
    skipped_by  uuid,  -- null: somebody at the installation's own terminal
    reason      text        NOT NULL DEFAULT '',
    skipped_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
-- Reads of the past look them up: what others had skipped must not make these longer.
CREATE INDEX skipped_by_record ON projections.skipped (tenant_id, stream_id);

-- Tables that nothing points to any more; dropped once nobody can still be reading them.
CREATE TABLE projections.retired (
    table_name  text        PRIMARY KEY,
    retired_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Tallies that lack what was mended until they are made anew, also after a mending that was killed.
CREATE TABLE projections.recounts (
    name  text  PRIMARY KEY
);

-- Rebuilds: asked for, under way, and over. `done` of `total`: positions of the log, in a phase.
-- `tenant_id`, `stream_id`, `kind`, `since` (a position of the log) choose records; without any of
-- them whole tables are made anew. `requested_by` is null unless somebody asked over the API.
CREATE TABLE projections.rebuilds (
    id            uuid        PRIMARY KEY,
    names         text[]      NOT NULL,
    tenant_id     uuid,
    stream_id     uuid,
    kind          text        COLLATE "C",
    since         bigint,
    requested_by  uuid,
    requested_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    state         text        NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'failed')),
    tries         integer     NOT NULL DEFAULT 0,
    started_at    timestamptz,
    phase         text,
    done          bigint      NOT NULL DEFAULT 0,
    total         bigint      NOT NULL DEFAULT 0,
    told_at       timestamptz,
    ended_at      timestamptz,
    error         text
);
-- Who asks again for the same while it waits or runs is told so.
CREATE UNIQUE INDEX rebuilds_not_over
    ON projections.rebuilds (tenant_id, names, stream_id, kind, since) NULLS NOT DISTINCT
    WHERE requested_by IS NOT NULL AND state IN ('waiting', 'running');
CREATE INDEX rebuilds_by_tenant ON projections.rebuilds (tenant_id, requested_at);

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
-- Also for those that are not closed: few in the end, and no event but closing and reopening moves
-- them, where an index by status would cost every step of an incident's life.
CREATE INDEX incident_list_v1_by_closing ON projections.incident_list_v1 (tenant_id, closed_at, id);
-- Not only of those that have a key: so it serves a rare source as well.
CREATE INDEX incident_list_v1_by_source_key
    ON projections.incident_list_v1 (tenant_id, source, source_key);
-- For filters whose values are rare; the frequent ones are met soon in any order.
CREATE INDEX incident_list_v1_by_team ON projections.incident_list_v1 (tenant_id, team, opened_at, id);
CREATE INDEX incident_list_v1_by_assignee
    ON projections.incident_list_v1 (tenant_id, assignee, opened_at, id);
CREATE INDEX incident_list_v1_by_unusual_status
    ON projections.incident_list_v1 (tenant_id, status, opened_at, id)
    WHERE status NOT IN ('closed', 'resolved');
-- With the index by source of all it costs a row some 200 bytes of the write-ahead log at its
-- beginning and at each step, of 1,500 and 1,100 (measured).
CREATE INDEX incident_list_v1_by_severity_and_opening
    ON projections.incident_list_v1 (tenant_id, severity, opened_at, id);
CREATE INDEX incident_list_v1_by_priority
    ON projections.incident_list_v1 (tenant_id, priority, opened_at, id) WHERE priority IS NOT NULL;

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
CREATE FUNCTION projections.wall(p_table text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format('ALTER TABLE projections.%I ENABLE ROW LEVEL SECURITY', p_table);
    EXECUTE format('CREATE POLICY tenant ON projections.%I FOR SELECT TO tallystick_app USING '
        '(tenant_id = nullif(current_setting(''app.tenant'', true), '''')::uuid)', p_table);
    EXECUTE format('GRANT SELECT ON projections.%I TO tallystick_app', p_table);
END $$;
SELECT projections.wall(t) FROM unnest(ARRAY['dead_letters', 'skipped', 'incident_v1',
    'incident_list_v1', 'incident_timeline_v1', 'changes_v1', 'people_v1']) AS t;

-- For rebuilds: a table like another, without its rows, its key and its indexes ...
CREATE FUNCTION projections.make_like(p_like text, p_name text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE v_options text;
BEGIN
    EXECUTE format('CREATE TABLE projections.%I (LIKE projections.%I INCLUDING GENERATED)',
        p_name, p_like);
    SELECT array_to_string(c.reloptions, ', ') INTO v_options
      FROM pg_class c WHERE c.oid = format('projections.%I', p_like)::regclass;
    IF v_options IS NOT NULL THEN
        EXECUTE format('ALTER TABLE projections.%I SET (%s)', p_name, v_options);
    END IF;
    PERFORM projections.wall(p_name);
END $$;

-- ... which it gets once it is filled, by these statements. Index names begin with their table's.
CREATE FUNCTION projections.indexes_like(p_like text, p_name text) RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN k.conname IS NOT NULL
                THEN format('ALTER TABLE projections.%I ADD %s', p_name, pg_get_constraintdef(k.oid))
                ELSE replace(replace(pg_get_indexdef(i.indexrelid),
                         format('INDEX %I ON', c.relname),
                         format('INDEX %I ON', replace(c.relname, p_like, p_name))),
                         format(' ON projections.%I ', p_like),
                         format(' ON projections.%I ', p_name)) END
      FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
      LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.contype = 'p'
     WHERE i.indrelid = format('projections.%I', p_like)::regclass ORDER BY i.indexrelid
$$;

-- Whether somebody holds the lock of those who rebuild: what has no holder is not running.
CREATE FUNCTION projections.is_rebuilding() RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database
                    WHERE l.locktype = 'advisory' AND l.classid = 7310579 AND l.objid = 3
                      AND l.granted AND d.datname = current_database())
$$;

-- For administrators of one organization: its own positions and records, never another's.
CREATE FUNCTION projections.shown_to(p_tenant uuid)
RETURNS TABLE (applied bigint, behind bigint, waiting_s double precision, is_led boolean,
               is_paused boolean, parked bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT a.last, h.last - a.last,
           (SELECT extract(epoch FROM clock_timestamp() - e.recorded_at)::double precision
              FROM log.events e
             WHERE e.tenant_id = p_tenant AND e.tenant_position = a.last + 1),
           c.holder IS NOT NULL AND c.expires_at > clock_timestamp(),
           c.paused,
           (SELECT count(DISTINCT d.stream_id) FROM projections.dead_letters d
             WHERE d.tenant_id = p_tenant)
      FROM projections.checkpoint c
     CROSS JOIN LATERAL (
        SELECT coalesce(max(e.tenant_position), 0) AS last FROM log.events e
         WHERE e.tenant_id = p_tenant) h
     CROSS JOIN LATERAL (
        SELECT coalesce((SELECT e.tenant_position FROM log.events e
                          WHERE e.tenant_id = p_tenant AND e.notification_id <= c.position
                          ORDER BY e.tenant_position DESC LIMIT 1), 0) AS last) a
     WHERE c.name = 'all' AND p_tenant = nullif(current_setting('app.tenant', true), '')::uuid
$$;

-- Every projection with the newest rebuild that touches the organization's rows. Of the whole
-- installation's it is told how far it is, in hundredths: its counts are those of all.
CREATE FUNCTION projections.rebuilds_of(p_tenant uuid)
RETURNS TABLE (name text, version integer, table_name text, id uuid, state text, phase text,
               share double precision, requested_at timestamptz, ended_at timestamptz, error text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT p.name, p.version, p.table_name, r.id,
           CASE WHEN r.state <> 'running' OR projections.is_rebuilding() THEN r.state
                WHEN r.requested_by IS NULL THEN 'failed' ELSE 'waiting' END,
           r.phase,
           CASE WHEN r.state = 'done' THEN 1 WHEN r.total > 0
                THEN round(r.done::numeric / r.total, 2) ELSE 0 END::double precision,
           r.requested_at, r.ended_at,
           CASE WHEN r.tenant_id IS NOT NULL THEN r.error END
      FROM projections.current p
      LEFT JOIN LATERAL (
        SELECT b.id, b.tenant_id, b.requested_by, b.state, b.phase, b.done, b.total,
               b.requested_at, b.ended_at, b.error FROM projections.rebuilds b
         WHERE p.name = ANY (b.names) AND (b.tenant_id IS NULL OR b.tenant_id = p_tenant)
         ORDER BY b.requested_at DESC LIMIT 1) r ON true
     WHERE p_tenant = nullif(current_setting('app.tenant', true), '')::uuid
     ORDER BY p.name
$$;

-- Asks for the organization's own rows, of one record, of one kind, or from one of its positions.
-- No row comes back when the same waits or runs already.
CREATE FUNCTION projections.ask_for_rebuild(
    p_id uuid, p_tenant uuid, p_by uuid, p_names text[], p_stream uuid, p_kind text, p_from bigint)
RETURNS SETOF uuid
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO projections.rebuilds
        (id, names, tenant_id, stream_id, kind, since, requested_by, state)
    SELECT p_id, p_names, p_tenant, p_stream, p_kind,
           CASE WHEN p_from IS NOT NULL THEN coalesce(
               (SELECT e.notification_id FROM log.events e
                 WHERE e.tenant_id = p_tenant AND e.tenant_position >= p_from
                 ORDER BY e.tenant_position LIMIT 1), 9223372036854775807) END,
           p_by, 'waiting'
     WHERE p_tenant = nullif(current_setting('app.tenant', true), '')::uuid
    ON CONFLICT DO NOTHING RETURNING id
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA projections FROM PUBLIC;
GRANT EXECUTE ON FUNCTION projections.shown_to, projections.rebuilds_of,
    projections.ask_for_rebuild TO tallystick_app;

SET LOCAL ROLE tallystick_owner;
