-- How often single organizations may ask, where the operator has set it for them.
SET LOCAL ROLE tallystick_owner;

-- A minute; null, once something was set, where the settings hold again.
CREATE TABLE access.limits (
    tenant_id        uuid        NOT NULL,
    kind             text        COLLATE "C" NOT NULL,
    of_organization  integer     CHECK (of_organization BETWEEN 1 AND 100000000),
    of_actor         integer     CHECK (of_actor BETWEEN 1 AND 100000000),
    changed_at       timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, kind),
    CHECK ((of_organization IS NULL) = (of_actor IS NULL))
);
CREATE INDEX limits_by_change ON access.limits (changed_at);

-- What has changed since a moment, of all organizations: api processes serve them all.
CREATE FUNCTION access.limits_since(since timestamptz)
RETURNS TABLE (tenant_id uuid, kind text, of_organization integer, of_actor integer,
               changed_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT l.tenant_id, l.kind, l.of_organization, l.of_actor, l.changed_at
    FROM access.limits l WHERE l.changed_at >= since ORDER BY l.changed_at
$$;

CREATE FUNCTION access.limits_of(tenant uuid)
RETURNS TABLE (kind text, of_organization integer, of_actor integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT l.kind, l.of_organization, l.of_actor
    FROM access.limits l WHERE l.tenant_id = tenant AND l.of_organization IS NOT NULL
$$;

CREATE FUNCTION access.set_limit(
    tenant uuid, p_kind text, p_of_organization integer, p_of_actor integer)
RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO access.limits (tenant_id, kind, of_organization, of_actor, changed_at)
    VALUES (tenant, p_kind, p_of_organization, p_of_actor, clock_timestamp())
    ON CONFLICT (tenant_id, kind) DO UPDATE SET of_organization = excluded.of_organization,
        of_actor = excluded.of_actor, changed_at = excluded.changed_at
$$;

REVOKE ALL ON FUNCTION access.limits_since, access.limits_of, access.set_limit FROM PUBLIC;
GRANT EXECUTE ON FUNCTION access.limits_since TO tallystick_app;
GRANT EXECUTE ON FUNCTION access.limits_of, access.set_limit TO tallystick_tailer;
