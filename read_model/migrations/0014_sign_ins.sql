-- Sign-ins are shown to their owner and ended by him, everywhere.

-- `sign_in_id` is what others may know: an access token names it, and it renews nothing.
-- `used_at`: when it was begun or renewed last.
ALTER TABLE credentials.refresh_families
    ADD COLUMN sign_in_id uuid        NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    ADD COLUMN used_at    timestamptz NOT NULL DEFAULT clock_timestamp();
DROP INDEX credentials.refresh_families_by_user;
CREATE INDEX refresh_families_by_user
    ON credentials.refresh_families (user_id, created_at, sign_in_id);

DROP FUNCTION credentials.start_family;
DROP FUNCTION credentials.rotate_family;
DROP FUNCTION credentials.revoke_family;

-- False when the password that was verified is no longer the one kept. The lock lets one of the two
-- wait for the other: what replaces a password finds every sign-in that began with it.
CREATE FUNCTION credentials.start_family(
    family uuid, sign_in uuid, person uuid, tenant uuid, verified text, hash bytea,
    at timestamptz, until timestamptz)
RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH begun AS (
        INSERT INTO credentials.refresh_families
            (family_id, sign_in_id, user_id, tenant_id, token_hash, created_at, used_at, expires_at)
        SELECT family, sign_in, l.user_id, tenant, hash, at, at, until FROM credentials.logins l
        WHERE l.user_id = person AND l.password_hash = verified FOR SHARE RETURNING 1)
    SELECT EXISTS (SELECT FROM begun)
$$;

-- One row when the token is the newest of a family that lives, or when an older one comes again:
-- then the family is revoked whole, for one of the two who hold it is a thief. There is no grace
-- period, because one over several generations defeats the detection.
CREATE FUNCTION credentials.rotate_family(
    family uuid, old_hash bytea, new_hash bytea, at timestamptz, used_after timestamptz)
RETURNS TABLE (user_id uuid, tenant_id uuid, sign_in_id uuid, is_renewed boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY UPDATE credentials.refresh_families f
        SET token_hash = new_hash, generation = f.generation + 1, used_at = at
        WHERE f.family_id = family AND f.token_hash = old_hash
          AND f.revoked_at IS NULL AND f.expires_at > at AND f.used_at > used_after
        RETURNING f.user_id, f.tenant_id, f.sign_in_id, true;
    IF NOT FOUND THEN
        RETURN QUERY UPDATE credentials.refresh_families f SET revoked_at = at
            WHERE f.family_id = family AND f.token_hash <> old_hash AND f.revoked_at IS NULL
            RETURNING f.user_id, f.tenant_id, f.sign_in_id, false;
    END IF;
END $$;

CREATE FUNCTION credentials.revoke_family(family uuid, at timestamptz)
RETURNS TABLE (user_id uuid, sign_in_id uuid)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE credentials.refresh_families f SET revoked_at = at
    WHERE f.family_id = family AND f.revoked_at IS NULL
    RETURNING f.user_id, f.sign_in_id
$$;

-- The next `most` before one that was begun then, of those that live; NULL for all of them.
CREATE FUNCTION credentials.sign_ins_of(
    person uuid, at timestamptz, used_after timestamptz, before timestamptz, before_one uuid,
    most integer)
RETURNS TABLE (sign_in_id uuid, tenant_id uuid, created_at timestamptz, used_at timestamptz,
    expires_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT f.sign_in_id, f.tenant_id, f.created_at, f.used_at, f.expires_at
    FROM credentials.refresh_families f
    WHERE f.user_id = person AND f.revoked_at IS NULL AND f.expires_at > at
      AND f.used_at > used_after AND (f.created_at, f.sign_in_id) < (before, before_one)
    ORDER BY f.created_at DESC, f.sign_in_id DESC LIMIT most
$$;

CREATE FUNCTION credentials.sign_in_lives(person uuid, sign_in uuid, at timestamptz)
RETURNS integer
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT count(*)::integer FROM credentials.refresh_families f
    WHERE f.sign_in_id = sign_in AND f.user_id = person
      AND f.revoked_at IS NULL AND f.expires_at > at
$$;

-- How many there are, those included that had ended before.
CREATE FUNCTION credentials.end_sign_ins(person uuid, sign_in uuid, at timestamptz)
RETURNS integer
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH ended AS (
        UPDATE credentials.refresh_families f SET revoked_at = coalesce(f.revoked_at, at)
        WHERE f.user_id = person AND (sign_in IS NULL OR f.sign_in_id = sign_in) RETURNING 1)
    SELECT count(*)::integer FROM ended
$$;

REVOKE ALL ON FUNCTION credentials.start_family, credentials.rotate_family,
    credentials.revoke_family, credentials.sign_ins_of, credentials.sign_in_lives,
    credentials.end_sign_ins FROM PUBLIC;
GRANT EXECUTE ON FUNCTION credentials.start_family, credentials.rotate_family,
    credentials.revoke_family, credentials.sign_ins_of, credentials.sign_in_lives,
    credentials.end_sign_ins TO tallystick_app;

-- What one person hands to another, who sets a password with it, once and soon; only its hash is
-- known. `tenant_id`: the organization that it comes from; the system tenant for the operator.
-- `version`: of the membership when it was offered, by which the latest one stands whichever comes
-- last; NULL where the last to come is the latest.
CREATE TABLE credentials.passes (
    purpose     text        NOT NULL CHECK (purpose IN ('invitation', 'reset')),
    tenant_id   uuid        NOT NULL,
    user_id     uuid        NOT NULL,
    token_hash  bytea       NOT NULL UNIQUE CHECK (octet_length(token_hash) = 32),
    made_at     timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    version     bigint,
    PRIMARY KEY (purpose, tenant_id, user_id)
);
CREATE INDEX passes_by_tenant ON credentials.passes (purpose, tenant_id, made_at, user_id);
CREATE INDEX passes_by_user ON credentials.passes (user_id);
CREATE INDEX passes_by_age ON credentials.passes (expires_at);

-- Until when it is good; NULL where it is not, because a later one was offered or its time is over.
-- Offered again it is good no longer than before. Those long past their time are forgotten here.
CREATE FUNCTION credentials.offer_pass(
    kind text, tenant uuid, person uuid, hash bytea, at timestamptz, until timestamptz,
    said_by bigint)
RETURNS timestamptz
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    DELETE FROM credentials.passes WHERE expires_at < at - interval '30 days';
    INSERT INTO credentials.passes AS p
        (purpose, tenant_id, user_id, token_hash, made_at, expires_at, version)
    VALUES (kind, tenant, person, hash, at, until, said_by)
    ON CONFLICT (purpose, tenant_id, user_id) DO UPDATE SET
        token_hash = excluded.token_hash, made_at = excluded.made_at,
        expires_at = excluded.expires_at, version = excluded.version
        WHERE excluded.version IS NULL OR p.version < excluded.version;
    SELECT p.expires_at FROM credentials.passes p
    WHERE p.purpose = kind AND p.token_hash = hash AND p.expires_at > at
$$;

CREATE FUNCTION credentials.find_pass(kind text, hash bytea, at timestamptz)
RETURNS TABLE (tenant_id uuid, user_id uuid, password_hash text, is_pending boolean,
    expires_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT p.tenant_id, p.user_id, l.password_hash, l.pending_in IS NOT NULL, p.expires_at
    FROM credentials.passes p JOIN credentials.logins l ON l.user_id = p.user_id
    WHERE p.purpose = kind AND p.token_hash = hash AND p.expires_at > at
$$;

-- Of two who use it at once one wins. A password is set by an invitation only where nobody has seen
-- one yet; with the old one end all sign-ins and all resets. NULL leaves the password as it is.
CREATE FUNCTION credentials.use_pass(kind text, hash bytea, new_hash text, at timestamptz)
RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE person uuid;
BEGIN
    -- First the login, then the pass, as whoever sets another password has them in turn: the other
    -- way round each could wait for the other.
    SELECT p.user_id INTO person FROM credentials.passes p WHERE p.token_hash = hash;
    PERFORM FROM credentials.logins l WHERE l.user_id = person FOR UPDATE;
    PERFORM FROM credentials.passes p
    WHERE p.purpose = kind AND p.token_hash = hash AND p.expires_at > at FOR UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    IF new_hash IS NOT NULL THEN
        UPDATE credentials.logins
        SET password_hash = new_hash, pending_in = NULL, good_until = NULL,
            updated_at = clock_timestamp()
        WHERE user_id = person AND (kind = 'reset' OR pending_in IS NOT NULL);
        IF NOT FOUND THEN
            RETURN false;
        END IF;
        -- A statement of its own, so that it sees the sign-ins that the first one has waited for.
        UPDATE credentials.refresh_families f SET revoked_at = at
        WHERE f.user_id = person AND f.revoked_at IS NULL;
        DELETE FROM credentials.passes p WHERE p.user_id = person AND p.purpose = 'reset';
    END IF;
    DELETE FROM credentials.passes p WHERE p.token_hash = hash;
    RETURN true;
END $$;

-- `said_by`: the version of the withdrawal, which takes nothing from who was asked in again since.
CREATE FUNCTION credentials.withdraw_pass(kind text, tenant uuid, person uuid, said_by bigint)
RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    DELETE FROM credentials.passes
    WHERE purpose = kind AND tenant_id = tenant AND user_id = person AND version < said_by
$$;

-- The next `most` after a person whose invitation was made then.
CREATE FUNCTION credentials.invitations_of(
    tenant uuid, after timestamptz, after_user uuid, most integer)
RETURNS TABLE (user_id uuid, made_at timestamptz, expires_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT p.user_id, p.made_at, p.expires_at FROM credentials.passes p
    WHERE p.purpose = 'invitation' AND p.tenant_id = tenant
      AND (p.made_at, p.user_id) > (after, after_user)
      AND tenant = nullif(current_setting('app.tenant', true), '')::uuid
    ORDER BY p.made_at, p.user_id LIMIT most
$$;

-- Where a person was ever added.
CREATE FUNCTION credentials.organizations_of(person uuid) RETURNS uuid[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT ARRAY(SELECT s.tenant_id FROM credentials.seats s
                 WHERE s.user_id = person ORDER BY s.added_at, s.tenant_id)
$$;

-- As before; who has set another password needs no reset any more.
CREATE OR REPLACE FUNCTION credentials.replace_password(
    person uuid, old_hash text, new_hash text, at timestamptz)
RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE credentials.logins
    SET password_hash = new_hash, pending_in = NULL, good_until = NULL,
            updated_at = clock_timestamp()
    WHERE user_id = person AND password_hash = old_hash;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    -- A statement of its own, so that it sees the sign-ins that the first one has waited for.
    UPDATE credentials.refresh_families f SET revoked_at = at
    WHERE f.user_id = person AND f.revoked_at IS NULL;
    DELETE FROM credentials.passes p WHERE p.user_id = person AND p.purpose = 'reset';
    RETURN true;
END $$;

REVOKE ALL ON FUNCTION credentials.offer_pass, credentials.find_pass, credentials.use_pass, credentials.withdraw_pass,
    credentials.invitations_of, credentials.organizations_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION credentials.offer_pass, credentials.find_pass, credentials.use_pass, credentials.withdraw_pass,
    credentials.invitations_of, credentials.organizations_of TO tallystick_app;

-- Entries are shown page by page, the newest first; of one moment there may be many.
ALTER TABLE access.access_log ADD COLUMN entry_id bigint GENERATED ALWAYS AS IDENTITY;
DROP INDEX access.access_log_by_time;
CREATE INDEX access_log_by_time ON access.access_log (tenant_id, at, entry_id);
