-- The log: one table, appended to by one function, changed by nobody.
-- Run by tallystick_owner, who may act as tallystick_writer.

CREATE SCHEMA log AUTHORIZATION tallystick_writer;
SET LOCAL ROLE tallystick_writer;

GRANT USAGE ON SCHEMA log TO tallystick_app, tallystick_tailer;

CREATE TABLE log.epochs (
    epoch            integer     PRIMARY KEY,
    first_position   bigint      NOT NULL,
    raised_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    reason           text        NOT NULL
);
INSERT INTO log.epochs (epoch, first_position, reason) VALUES (1, 1, 'founded');

CREATE TABLE log.events (
    originator_id       uuid        NOT NULL,
    originator_version  bigint      NOT NULL CHECK (originator_version >= 0),
    topic               text        COLLATE "C" NOT NULL,
    state               bytea       NOT NULL,
    notification_id     bigint      NOT NULL,
    epoch               integer     NOT NULL,
    tenant_id           uuid        NOT NULL,
    tenant_position     bigint      NOT NULL,
    number              bigint,
    actor_id            uuid        NOT NULL,
    command_id          uuid        NOT NULL,
    correlation_id      uuid        NOT NULL,
    causation_id        uuid,
    recorded_at         timestamptz NOT NULL,
    occurred_at         timestamptz NOT NULL,
    source              text        COLLATE "C" NOT NULL,
    schema_version      smallint    NOT NULL,
    salt                bytea,
    purged_by           uuid,
    PRIMARY KEY (notification_id)
);
ALTER TABLE log.events ALTER COLUMN state SET STORAGE EXTERNAL;
CREATE UNIQUE INDEX events_by_stream ON log.events (originator_id, originator_version);
CREATE UNIQUE INDEX events_by_tenant ON log.events (tenant_id, tenant_position);
CREATE UNIQUE INDEX events_by_number ON log.events (tenant_id, split_part(topic, '.', 1), number)
    WHERE number IS NOT NULL;

-- Streams that callers of the library began at 0: while there are any, no index tells whether a
-- stream that begins at 1 is there already.
CREATE TABLE log.zero_based (originator_id uuid PRIMARY KEY);

CREATE TABLE log.command_keys (
    tenant_id        uuid        NOT NULL,
    actor_id         uuid        NOT NULL,
    key              text        COLLATE "C" NOT NULL,
    digest           bytea       NOT NULL,
    command_id       uuid        NOT NULL,
    stream_id        uuid        NOT NULL,
    version          bigint      NOT NULL,
    tenant_position  bigint      NOT NULL,
    number           bigint,
    created_at       timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, actor_id, key)
);
CREATE INDEX command_keys_by_age ON log.command_keys USING brin (created_at);

CREATE TABLE log.source_keys (
    tenant_id        uuid        NOT NULL,
    source           text        COLLATE "C" NOT NULL,
    key              text        COLLATE "C" NOT NULL,
    stream_id        uuid        NOT NULL,
    command_id       uuid        NOT NULL,
    PRIMARY KEY (tenant_id, source, key)
);

-- Nobody changes what has happened. The erasure function, when there is one, runs as the writer;
-- a setting could be set by anyone, so only current_user opens the door.
CREATE FUNCTION log.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'events are append-only' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER events_are_append_only BEFORE UPDATE OR DELETE ON log.events
    FOR EACH ROW WHEN (current_user <> 'tallystick_writer') EXECUTE FUNCTION log.refuse_change();
CREATE TRIGGER events_are_never_truncated BEFORE TRUNCATE ON log.events
    FOR EACH STATEMENT EXECUTE FUNCTION log.refuse_change();

ALTER TABLE log.events ENABLE ROW LEVEL SECURITY;
ALTER TABLE log.events FORCE ROW LEVEL SECURITY;
CREATE POLICY writer ON log.events TO tallystick_writer USING (true) WITH CHECK (true);
CREATE POLICY tailer ON log.events FOR SELECT TO tallystick_tailer USING (true);
CREATE POLICY tenant ON log.events FOR SELECT TO tallystick_app
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid);

ALTER TABLE log.command_keys ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON log.command_keys FOR SELECT TO tallystick_app
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid);
ALTER TABLE log.source_keys ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON log.source_keys FOR SELECT TO tallystick_app
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid);

GRANT SELECT ON log.events, log.command_keys, log.source_keys TO tallystick_app;
GRANT SELECT ON log.events TO tallystick_tailer;
GRANT SELECT ON log.epochs TO tallystick_app, tallystick_tailer;

SET LOCAL ROLE tallystick_owner;
