-- Sign-ins are shown to their owner and ended by him, everywhere.

-- `sign_in_id` is what others may know: an access token names it, and it renews nothing.
-- `used_at`: when it was begun or renewed last.
ALTER TABLE credentials.refresh_families
    ADD COLUMN sign_in_id uuid        NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    ADD COLUMN used_at    timestamptz NOT NULL DEFAULT clock_timestamp();

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

CREATE FUNCTION credentials.sign_ins_of(person uuid, at timestamptz, used_after timestamptz)
RETURNS TABLE (sign_in_id uuid, tenant_id uuid, created_at timestamptz, used_at timestamptz,
    expires_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT f.sign_in_id, f.tenant_id, f.created_at, f.used_at, f.expires_at
    FROM credentials.refresh_families f
    WHERE f.user_id = person AND f.revoked_at IS NULL AND f.expires_at > at
      AND f.used_at > used_after
    ORDER BY f.created_at DESC, f.sign_in_id
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
