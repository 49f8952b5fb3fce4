-- What lies outside the log: keys to personal data, credentials, and who was refused or shown what.
-- The app role reads and writes none of these tables but through the functions below. Those that
-- answer for a whole tenant answer only for the one that the transaction names in `app.tenant`.

CREATE SCHEMA personal;
CREATE SCHEMA credentials;
CREATE SCHEMA access;
GRANT USAGE ON SCHEMA personal, credentials, access TO tallystick_app;
GRANT USAGE ON SCHEMA personal TO tallystick_writer;

-- An erased subject keeps its row, so that it never gets another key.
CREATE TABLE personal.subject_keys (
    tenant_id   uuid        NOT NULL,
    subject_id  uuid        NOT NULL,
    wrapped     bytea,
    key_id      integer     NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    erased_at   timestamptz,
    PRIMARY KEY (tenant_id, subject_id),
    CHECK ((wrapped IS NULL) = (erased_at IS NOT NULL))
);
-- The append asks once more: a key may have been erased after the sealing. Few are, so that it looks
-- into next to nothing (28 us a batch otherwise, measured).
CREATE INDEX subject_keys_erased ON personal.subject_keys (tenant_id, subject_id)
    WHERE erased_at IS NOT NULL;
GRANT SELECT (tenant_id, subject_id, erased_at) ON personal.subject_keys TO tallystick_writer;

CREATE FUNCTION personal.read_keys(tenant uuid, ids uuid[])
RETURNS TABLE (subject_id uuid, wrapped bytea, key_id integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT k.subject_id, k.wrapped, k.key_id FROM personal.subject_keys k
    WHERE k.tenant_id = tenant AND k.subject_id = ANY (ids)
      AND tenant = nullif(current_setting('app.tenant', true), '')::uuid
$$;

-- Offers a fresh key for each subject and answers those that are kept: a first one is never
-- replaced. Sorted, so that two callers who overlap cannot deadlock.
CREATE FUNCTION personal.create_keys(tenant uuid, ids uuid[], offered bytea[], offered_key_id integer)
RETURNS TABLE (subject_id uuid, wrapped bytea, key_id integer)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF tenant IS DISTINCT FROM nullif(current_setting('app.tenant', true), '')::uuid THEN
        RAISE EXCEPTION 'no keys for another tenant' USING ERRCODE = 'insufficient_privilege';
    END IF;
    INSERT INTO personal.subject_keys AS k (tenant_id, subject_id, wrapped, key_id)
    SELECT tenant, o.id, o.key, offered_key_id FROM unnest(ids, offered) AS o (id, key) ORDER BY o.id
    ON CONFLICT DO NOTHING;
    RETURN QUERY SELECT k.subject_id, k.wrapped, k.key_id FROM personal.subject_keys k
        WHERE k.tenant_id = tenant AND k.subject_id = ANY (ids);
END $$;

CREATE FUNCTION personal.erase_keys(tenant uuid, ids uuid[]) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE personal.subject_keys k SET wrapped = NULL, erased_at = clock_timestamp()
    WHERE k.tenant_id = tenant AND k.subject_id = ANY (ids) AND k.erased_at IS NULL
$$;

-- `blind_email` is an HMAC: the address itself stands in no table.
-- `pending_in`: the organization that is still adding this person; until it is done, it may set the
-- password again, because nobody has seen the first one.
-- `good_until`: of a password that was made up; NULL for one's own.
CREATE TABLE credentials.logins (
    blind_email    bytea       PRIMARY KEY CHECK (octet_length(blind_email) = 32),
    user_id        uuid        NOT NULL UNIQUE,
    password_hash  text        NOT NULL,
    pending_in     uuid,
    good_until     timestamptz,
    updated_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Where a person may sign in; whether it is still so, the membership's stream says.
CREATE TABLE credentials.seats (
    user_id    uuid        NOT NULL,
    tenant_id  uuid        NOT NULL,
    added_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (user_id, tenant_id)
);
CREATE INDEX seats_by_tenant ON credentials.seats (tenant_id, added_at, user_id);

CREATE FUNCTION credentials.find_login(blind bytea)
RETURNS TABLE (
    user_id uuid, password_hash text, is_pending boolean, good_until timestamptz, tenants uuid[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT l.user_id, l.password_hash, l.pending_in IS NOT NULL, l.good_until,
        ARRAY(SELECT s.tenant_id FROM credentials.seats s
              WHERE s.user_id = l.user_id ORDER BY s.added_at, s.tenant_id)
    FROM credentials.logins l WHERE l.blind_email = blind
$$;

-- The login for an address: a new one with this id and hash, or the one that is there.
-- `is_new` says whether the hash is the one given.
CREATE FUNCTION credentials.claim_login(
    blind bytea, new_user uuid, new_hash text, tenant uuid, until timestamptz)
RETURNS TABLE (user_id uuid, is_new boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE claimed credentials.logins;
BEGIN
    INSERT INTO credentials.logins AS l (blind_email, user_id, password_hash, pending_in, good_until)
    VALUES (blind, new_user, new_hash, tenant, until)
    ON CONFLICT (blind_email) DO UPDATE
        SET password_hash = excluded.password_hash, good_until = excluded.good_until,
            updated_at = clock_timestamp()
        WHERE l.pending_in = excluded.pending_in
    RETURNING l.* INTO claimed;
    is_new := FOUND;
    IF NOT is_new THEN
        SELECT l.* INTO claimed FROM credentials.logins l WHERE l.blind_email = blind;
    END IF;
    INSERT INTO credentials.seats AS s (user_id, tenant_id) VALUES (claimed.user_id, tenant)
    ON CONFLICT DO NOTHING;
    user_id := claimed.user_id;
    RETURN NEXT;
END $$;

-- The next `most` after a person who was added then.
CREATE FUNCTION credentials.members_of(
    tenant uuid, after timestamptz, after_user uuid, most integer)
RETURNS TABLE (user_id uuid, added_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT s.user_id, s.added_at FROM credentials.seats s
    WHERE s.tenant_id = tenant AND (s.added_at, s.user_id) > (after, after_user)
      AND tenant = nullif(current_setting('app.tenant', true), '')::uuid
    ORDER BY s.added_at, s.user_id LIMIT most
$$;

-- False when another request has set the password since: nobody is told one that does not work.
CREATE FUNCTION credentials.settle_login(person uuid, hash text) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH settled AS (
        UPDATE credentials.logins SET pending_in = NULL
        WHERE user_id = person AND password_hash = hash AND pending_in IS NOT NULL RETURNING 1)
    SELECT EXISTS (SELECT FROM settled)
$$;

-- Compare and set, so that a rehash at sign-in never overwrites a newer password.
CREATE FUNCTION credentials.change_password(person uuid, old_hash text, new_hash text) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH changed AS (
        UPDATE credentials.logins SET password_hash = new_hash, updated_at = clock_timestamp()
        WHERE user_id = person AND password_hash = old_hash RETURNING 1)
    SELECT EXISTS (SELECT FROM changed)
$$;

-- One row per sign-in; only the hash of the newest refresh token is known.
CREATE TABLE credentials.refresh_families (
    family_id   uuid        PRIMARY KEY,
    user_id     uuid        NOT NULL,
    tenant_id   uuid        NOT NULL,
    token_hash  bytea       NOT NULL CHECK (octet_length(token_hash) = 32),
    generation  integer     NOT NULL DEFAULT 1,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    revoked_at  timestamptz
);
CREATE INDEX refresh_families_by_user ON credentials.refresh_families (user_id);

-- False when the password that was verified is no longer the one kept. The lock lets one of the two
-- wait for the other: what replaces a password finds every sign-in that began with it.
CREATE FUNCTION credentials.start_family(
    family uuid, person uuid, tenant uuid, verified text, hash bytea, at timestamptz,
    until timestamptz)
RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH begun AS (
        INSERT INTO credentials.refresh_families
            (family_id, user_id, tenant_id, token_hash, created_at, expires_at)
        SELECT family, l.user_id, tenant, hash, at, until FROM credentials.logins l
        WHERE l.user_id = person AND l.password_hash = verified FOR SHARE RETURNING 1)
    SELECT EXISTS (SELECT FROM begun)
$$;

-- One row when the token is the family's newest. A family whose older token comes again is
-- revoked whole: one of the two who hold it is a thief. There is no grace period, because one
-- over several generations defeats the detection.
CREATE FUNCTION credentials.rotate_family(family uuid, old_hash bytea, new_hash bytea, at timestamptz)
RETURNS TABLE (user_id uuid, tenant_id uuid)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY UPDATE credentials.refresh_families f
        SET token_hash = new_hash, generation = f.generation + 1
        WHERE f.family_id = family AND f.token_hash = old_hash
          AND f.revoked_at IS NULL AND f.expires_at > at
        RETURNING f.user_id, f.tenant_id;
    IF NOT FOUND THEN
        UPDATE credentials.refresh_families f SET revoked_at = at
        WHERE f.family_id = family AND f.revoked_at IS NULL;
    END IF;
END $$;

CREATE FUNCTION credentials.revoke_family(family uuid, at timestamptz) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE credentials.refresh_families SET revoked_at = at
    WHERE family_id = family AND revoked_at IS NULL
$$;

-- Who was refused what, and who was shown what is personal; ids only, never a personal value.
CREATE TABLE access.access_log (
    tenant_id   uuid        NOT NULL,
    at          timestamptz NOT NULL,
    actor_id    uuid        NOT NULL,
    what        text        NOT NULL,
    permission  text        NOT NULL,
    target      text        NOT NULL,
    outcome     text        NOT NULL
);
CREATE INDEX access_log_by_time ON access.access_log (tenant_id, at);
ALTER TABLE access.access_log ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON access.access_log FOR SELECT TO tallystick_app
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid);
GRANT SELECT ON access.access_log TO tallystick_app;

CREATE FUNCTION access.write_down(
    tenants uuid[], times timestamptz[], actors uuid[], whats text[], permissions text[],
    targets text[], outcomes text[])
RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO access.access_log (tenant_id, at, actor_id, what, permission, target, outcome)
    SELECT * FROM unnest(tenants, times, actors, whats, permissions, targets, outcomes)
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA personal, credentials, access FROM PUBLIC;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA personal, credentials, access TO tallystick_app;
-- Until a command erases people, no process does.
REVOKE EXECUTE ON FUNCTION personal.erase_keys FROM tallystick_app;
