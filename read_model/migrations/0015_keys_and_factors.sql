-- API keys, second factors and identity providers, beside the log.

-- API keys that were asked for. `counts_until`: so long a key takes one of its organization's places;
-- whether it was made, and is good, the log says.
CREATE TABLE credentials.api_keys (
    key_id        uuid         PRIMARY KEY,
    tenant_id     uuid         NOT NULL,
    made_at       timestamptz  NOT NULL,
    counts_until  timestamptz  NOT NULL,
    used_at       timestamptz
);
CREATE INDEX api_keys_by_tenant ON credentials.api_keys (tenant_id, made_at, key_id);
CREATE INDEX api_keys_by_end ON credentials.api_keys (tenant_id, counts_until);

-- Their secrets, as hashes. Which one of a key's is good, the log says.
CREATE TABLE credentials.api_key_secrets (
    secret_hash  bytea  PRIMARY KEY CHECK (octet_length(secret_hash) = 32),
    key_id       uuid   NOT NULL REFERENCES credentials.api_keys
);

-- False where the organization has `most` others that count. Of two at once the second waits, and
-- then sees the first. Sent again, it changes nothing.
CREATE FUNCTION credentials.begin_api_key(
    key uuid, tenant uuid, hash bytea, at timestamptz, until timestamptz, most integer)
RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF tenant IS DISTINCT FROM nullif(current_setting('app.tenant', true), '')::uuid THEN
        RAISE EXCEPTION 'no API keys for another tenant' USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('api keys of ' || tenant, 0));
    -- A statement of its own, so that it sees what the lock has waited for.
    IF (SELECT count(*) FROM credentials.api_keys k
        WHERE k.tenant_id = tenant AND k.counts_until > at AND k.key_id <> key) >= most THEN
        RETURN false;
    END IF;
    INSERT INTO credentials.api_keys AS k (key_id, tenant_id, made_at, counts_until)
    VALUES (key, tenant, at, until)
    ON CONFLICT (key_id) DO UPDATE SET counts_until = greatest(k.counts_until, excluded.counts_until);
    INSERT INTO credentials.api_key_secrets (secret_hash, key_id) VALUES (hash, key)
    ON CONFLICT DO NOTHING;
    RETURN true;
END $$;

-- Beside the secrets that a key has.
CREATE FUNCTION credentials.keep_api_key(key uuid, tenant uuid, hash bytea) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO credentials.api_key_secrets (secret_hash, key_id)
    SELECT hash, k.key_id FROM credentials.api_keys k WHERE k.key_id = key AND k.tenant_id = tenant
    ON CONFLICT DO NOTHING
$$;

CREATE FUNCTION credentials.find_api_key(hash bytea) RETURNS TABLE (key_id uuid, tenant_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT k.key_id, k.tenant_id
    FROM credentials.api_key_secrets s JOIN credentials.api_keys k USING (key_id)
    WHERE s.secret_hash = hash
$$;

CREATE FUNCTION credentials.use_api_key(key uuid, at timestamptz) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE credentials.api_keys SET used_at = at
    WHERE key_id = key AND (used_at IS NULL OR used_at < at - interval '1 hour')
$$;

-- The next `most` after a key that was made then.
CREATE FUNCTION credentials.api_keys_of(
    tenant uuid, after timestamptz, after_key uuid, most integer)
RETURNS TABLE (key_id uuid, made_at timestamptz, used_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT k.key_id, k.made_at, k.used_at FROM credentials.api_keys k
    WHERE k.tenant_id = tenant AND (k.made_at, k.key_id) > (after, after_key)
      AND tenant = nullif(current_setting('app.tenant', true), '')::uuid
    ORDER BY k.made_at, k.key_id LIMIT most
$$;

-- Those that count, and were made before `made_before`: what is younger may not be in the log yet.
CREATE FUNCTION credentials.api_keys_that_count(
    tenant uuid, at timestamptz, made_before timestamptz)
RETURNS TABLE (key_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT k.key_id FROM credentials.api_keys k
    WHERE k.tenant_id = tenant AND k.counts_until > at AND k.made_at < made_before
      AND tenant = nullif(current_setting('app.tenant', true), '')::uuid
$$;

CREATE FUNCTION credentials.stop_counting_api_keys(
    tenant uuid, keys uuid[], at timestamptz)
RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE credentials.api_keys SET counts_until = at
    WHERE key_id = ANY (keys) AND tenant_id = tenant AND counts_until > at
      AND tenant = nullif(current_setting('app.tenant', true), '')::uuid
$$;

REVOKE ALL ON FUNCTION credentials.begin_api_key, credentials.keep_api_key,
    credentials.find_api_key, credentials.use_api_key, credentials.api_keys_of,
    credentials.api_keys_that_count, credentials.stop_counting_api_keys FROM PUBLIC;
GRANT EXECUTE ON FUNCTION credentials.begin_api_key, credentials.keep_api_key,
    credentials.find_api_key, credentials.use_api_key, credentials.api_keys_of,
    credentials.api_keys_that_count, credentials.stop_counting_api_keys TO tallystick_app;

-- Second factors: a sealed TOTP secret and the last step that was used, so that no code is good twice.
CREATE TABLE credentials.second_factors (
    user_id    uuid     PRIMARY KEY,
    sealed     bytea    NOT NULL,
    is_on      boolean  NOT NULL DEFAULT false,
    last_step  bigint   NOT NULL DEFAULT 0
);

CREATE TABLE credentials.recovery_codes (
    user_id    uuid   NOT NULL REFERENCES credentials.second_factors ON DELETE CASCADE,
    code_hash  bytea  NOT NULL CHECK (octet_length(code_hash) = 32),
    PRIMARY KEY (user_id, code_hash)
);

-- False when one is on already: it is never replaced in silence.
CREATE FUNCTION credentials.offer_factor(person uuid, secret bytea) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH offered AS (
        INSERT INTO credentials.second_factors AS f (user_id, sealed) VALUES (person, secret)
        ON CONFLICT (user_id) DO UPDATE SET sealed = excluded.sealed, last_step = 0
            WHERE NOT f.is_on
        RETURNING 1)
    SELECT EXISTS (SELECT FROM offered)
$$;

CREATE FUNCTION credentials.factor_of(person uuid)
RETURNS TABLE (sealed bytea, is_on boolean, codes_left integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT f.sealed, f.is_on,
        (SELECT count(*)::integer FROM credentials.recovery_codes c WHERE c.user_id = f.user_id)
    FROM credentials.second_factors f WHERE f.user_id = person
$$;

-- False when it is on already, or another secret was offered meanwhile.
CREATE FUNCTION credentials.confirm_factor(
    person uuid, secret bytea, step bigint, hashes bytea[])
RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE credentials.second_factors f SET is_on = true, last_step = step
    WHERE f.user_id = person AND f.sealed = secret AND NOT f.is_on;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO credentials.recovery_codes (user_id, code_hash) SELECT person, unnest(hashes);
    RETURN true;
END $$;

-- Of two who send the same code at once one wins; an older one is no longer good either.
CREATE FUNCTION credentials.take_step(person uuid, step bigint) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH taken AS (
        UPDATE credentials.second_factors f SET last_step = step
        WHERE f.user_id = person AND f.is_on AND f.last_step < step RETURNING 1)
    SELECT EXISTS (SELECT FROM taken)
$$;

CREATE FUNCTION credentials.use_recovery_code(person uuid, hash bytea) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH used AS (
        DELETE FROM credentials.recovery_codes c
        WHERE c.user_id = person AND c.code_hash = hash RETURNING 1)
    SELECT EXISTS (SELECT FROM used)
$$;

CREATE FUNCTION credentials.remove_factor(person uuid) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    DELETE FROM credentials.second_factors f WHERE f.user_id = person
$$;

REVOKE ALL ON FUNCTION credentials.offer_factor, credentials.factor_of, credentials.confirm_factor,
    credentials.take_step, credentials.use_recovery_code, credentials.remove_factor FROM PUBLIC;
GRANT EXECUTE ON FUNCTION credentials.offer_factor, credentials.factor_of,
    credentials.confirm_factor, credentials.take_step, credentials.use_recovery_code,
    credentials.remove_factor TO tallystick_app;

-- Sealed secrets by which an organization's identity providers know us. Which one is in force, and
-- whether the provider is, the log says.
CREATE TABLE credentials.client_secrets (
    secret_id    uuid         PRIMARY KEY,
    provider_id  uuid         NOT NULL,
    tenant_id    uuid         NOT NULL,
    sealed       bytea        NOT NULL,
    kept_at      timestamptz  NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX client_secrets_by_provider ON credentials.client_secrets (provider_id);

CREATE FUNCTION credentials.keep_client_secret(
    secret uuid, provider uuid, tenant uuid, value bytea)
RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO credentials.client_secrets (secret_id, provider_id, tenant_id, sealed)
    VALUES (secret, provider, tenant, value)
$$;

CREATE FUNCTION credentials.client_secret(secret uuid, tenant uuid) RETURNS TABLE (sealed bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT s.sealed FROM credentials.client_secrets s
    WHERE s.secret_id = secret AND s.tenant_id = tenant
      AND tenant = nullif(current_setting('app.tenant', true), '')::uuid
$$;

-- Who begins to sign in names the provider only.
CREATE FUNCTION credentials.organization_of_provider(provider uuid) RETURNS TABLE (tenant_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT s.tenant_id FROM credentials.client_secrets s WHERE s.provider_id = provider LIMIT 1
$$;

CREATE FUNCTION credentials.drop_client_secret(secret uuid, tenant uuid) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    DELETE FROM credentials.client_secrets s
    WHERE s.secret_id = secret AND s.tenant_id = tenant
      AND tenant = nullif(current_setting('app.tenant', true), '')::uuid
$$;

-- For housekeeping, which knows from the log which ones are in force.
CREATE FUNCTION credentials.old_client_secrets(older_than interval)
RETURNS TABLE (secret_id uuid, tenant_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT s.secret_id, s.tenant_id FROM credentials.client_secrets s
    WHERE s.kept_at < clock_timestamp() - older_than ORDER BY s.tenant_id, s.secret_id
$$;

CREATE FUNCTION credentials.forget_client_secrets(secrets uuid[]) RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH gone AS (
        DELETE FROM credentials.client_secrets s WHERE s.secret_id = ANY (secrets) RETURNING 1)
    SELECT count(*) FROM gone
$$;

REVOKE ALL ON FUNCTION credentials.old_client_secrets, credentials.forget_client_secrets
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION credentials.old_client_secrets, credentials.forget_client_secrets
    TO tallystick_tailer;

-- Whom an identity provider's subject is here. The hash is keyed: what he is called there stands
-- nowhere.
CREATE TABLE credentials.linked_subjects (
    tenant_id     uuid         NOT NULL,
    subject_hash  bytea        NOT NULL CHECK (octet_length(subject_hash) = 32),
    provider_id   uuid         NOT NULL,
    user_id       uuid         NOT NULL,
    linked_at     timestamptz  NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, subject_hash)
);
CREATE INDEX linked_subjects_by_user ON credentials.linked_subjects (tenant_id, user_id);
CREATE INDEX linked_subjects_by_provider ON credentials.linked_subjects (tenant_id, provider_id);

CREATE FUNCTION credentials.linked_subject(tenant uuid, hash bytea) RETURNS TABLE (user_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT l.user_id FROM credentials.linked_subjects l
    WHERE l.tenant_id = tenant AND l.subject_hash = hash
      AND tenant = nullif(current_setting('app.tenant', true), '')::uuid
$$;

-- Whom the subject is from now on: of two at once, the first.
CREATE FUNCTION credentials.link_subject(tenant uuid, hash bytea, provider uuid, person uuid)
RETURNS TABLE (user_id uuid)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO credentials.linked_subjects (tenant_id, subject_hash, provider_id, user_id)
    SELECT tenant, hash, provider, person
    WHERE tenant = nullif(current_setting('app.tenant', true), '')::uuid
    ON CONFLICT DO NOTHING;
    RETURN QUERY SELECT l.user_id FROM credentials.linked_subjects l
        WHERE l.tenant_id = tenant AND l.subject_hash = hash;
END $$;

-- The newest link to each provider; somebody may have been linked by several subjects of one.
CREATE FUNCTION credentials.links_of(tenant uuid, person uuid)
RETURNS TABLE (provider_id uuid, linked_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT l.provider_id, max(l.linked_at) FROM credentials.linked_subjects l
    WHERE l.tenant_id = tenant AND l.user_id = person
      AND tenant = nullif(current_setting('app.tenant', true), '')::uuid
    GROUP BY l.provider_id ORDER BY max(l.linked_at), l.provider_id
$$;

-- `person`: NULL for everybody that the provider told of.
CREATE FUNCTION credentials.unlink(tenant uuid, provider uuid, person uuid) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    DELETE FROM credentials.linked_subjects l
    WHERE l.tenant_id = tenant AND l.provider_id = provider
      AND (person IS NULL OR l.user_id = person)
      AND tenant = nullif(current_setting('app.tenant', true), '')::uuid
$$;

-- What was begun at an identity provider is finished once; kept for as long as it would be good.
CREATE TABLE credentials.finished_flows (
    flow_hash  bytea        PRIMARY KEY CHECK (octet_length(flow_hash) = 32),
    until      timestamptz  NOT NULL
);
CREATE INDEX finished_flows_by_end ON credentials.finished_flows (until);

CREATE FUNCTION credentials.finish_flow(hash bytea, at timestamptz, ends timestamptz)
RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    DELETE FROM credentials.finished_flows f WHERE f.until < at;
    WITH finished AS (
        INSERT INTO credentials.finished_flows (flow_hash, until) VALUES (hash, ends)
        ON CONFLICT DO NOTHING RETURNING 1)
    SELECT EXISTS (SELECT FROM finished)
$$;

REVOKE ALL ON FUNCTION credentials.keep_client_secret, credentials.client_secret,
    credentials.organization_of_provider, credentials.drop_client_secret,
    credentials.linked_subject, credentials.link_subject, credentials.links_of, credentials.unlink,
    credentials.finish_flow FROM PUBLIC;
GRANT EXECUTE ON FUNCTION credentials.keep_client_secret, credentials.client_secret,
    credentials.organization_of_provider, credentials.drop_client_secret,
    credentials.linked_subject, credentials.link_subject, credentials.links_of, credentials.unlink,
    credentials.finish_flow TO tallystick_app;
