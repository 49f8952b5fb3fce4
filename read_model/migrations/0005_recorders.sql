-- What the recorders of the event-sourcing library need beside the log: where a follower stands,
-- and snapshots of long streams.

SET LOCAL ROLE tallystick_writer;

CREATE TABLE log.tracking (
    application_name  text    COLLATE "C" NOT NULL,
    notification_id   bigint  NOT NULL,
    PRIMARY KEY (application_name, notification_id)
);

CREATE TABLE log.snapshots (
    originator_id       uuid    NOT NULL,
    originator_version  bigint  NOT NULL,
    topic               text    COLLATE "C" NOT NULL,
    state               bytea   NOT NULL,
    tenant_id           uuid    NOT NULL DEFAULT nullif(current_setting('app.tenant', true), '')::uuid,
    PRIMARY KEY (originator_id, originator_version)
);
ALTER TABLE log.snapshots ENABLE ROW LEVEL SECURITY;
ALTER TABLE log.snapshots FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON log.snapshots TO tallystick_app
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid);

GRANT SELECT, INSERT ON log.tracking, log.snapshots TO tallystick_app;

SET LOCAL ROLE tallystick_owner;
