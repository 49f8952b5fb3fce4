-- People change their own passwords: found by who is signed in, not by address.

CREATE FUNCTION credentials.password_of(person uuid) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT l.password_hash FROM credentials.logins l WHERE l.user_id = person
$$;

-- Compare and set, so that of two changes at once one wins. With the old password end all sign-ins,
-- whoever holds them, and the right of an organization to set the first password.
CREATE FUNCTION credentials.replace_password(
    person uuid, old_hash text, new_hash text, at timestamptz)
RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH replaced AS (
        UPDATE credentials.logins
        SET password_hash = new_hash, pending_in = NULL, updated_at = clock_timestamp()
        WHERE user_id = person AND password_hash = old_hash RETURNING user_id),
    ended AS (
        UPDATE credentials.refresh_families f SET revoked_at = at
        FROM replaced r WHERE f.user_id = r.user_id AND f.revoked_at IS NULL)
    SELECT EXISTS (SELECT FROM replaced)
$$;

REVOKE ALL ON FUNCTION credentials.password_of, credentials.replace_password FROM PUBLIC;
GRANT EXECUTE ON FUNCTION credentials.password_of, credentials.replace_password TO tallystick_app;
