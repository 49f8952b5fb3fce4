-- Secrets of API keys, as hashes. Which of a key's secrets is good, and whether any is, the log says.

CREATE TABLE credentials.api_keys (
    secret_hash  bytea       PRIMARY KEY CHECK (octet_length(secret_hash) = 32),
    key_id       uuid        NOT NULL,
    tenant_id    uuid        NOT NULL,
    made_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    used_at      timestamptz
);
CREATE INDEX api_keys_by_tenant ON credentials.api_keys (tenant_id, key_id);
CREATE INDEX api_keys_by_key ON credentials.api_keys (key_id);

CREATE FUNCTION credentials.keep_api_key(hash bytea, key uuid, tenant uuid) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO credentials.api_keys (secret_hash, key_id, tenant_id) VALUES (hash, key, tenant)
$$;

CREATE FUNCTION credentials.find_api_key(hash bytea) RETURNS TABLE (key_id uuid, tenant_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT k.key_id, k.tenant_id FROM credentials.api_keys k WHERE k.secret_hash = hash
$$;

CREATE FUNCTION credentials.use_api_key(key uuid, at timestamptz) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE credentials.api_keys SET used_at = at
    WHERE key_id = key AND (used_at IS NULL OR used_at < at - interval '1 hour')
$$;

CREATE FUNCTION credentials.api_keys_of(tenant uuid)
RETURNS TABLE (key_id uuid, used_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT k.key_id, max(k.used_at) FROM credentials.api_keys k
    WHERE k.tenant_id = tenant
      AND tenant = nullif(current_setting('app.tenant', true), '')::uuid
    GROUP BY k.key_id ORDER BY min(k.made_at), k.key_id
$$;

REVOKE ALL ON FUNCTION credentials.keep_api_key, credentials.find_api_key,
    credentials.use_api_key, credentials.api_keys_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION credentials.keep_api_key, credentials.find_api_key,
    credentials.use_api_key, credentials.api_keys_of TO tallystick_app;
