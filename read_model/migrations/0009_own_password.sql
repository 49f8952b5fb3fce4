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
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE credentials.logins
    SET password_hash = new_hash, pending_in = NULL, updated_at = clock_timestamp()
    WHERE user_id = person AND password_hash = old_hash;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    -- A statement of its own, so that it sees the sign-ins that the first one has waited for.
    UPDATE credentials.refresh_families f SET revoked_at = at
    WHERE f.user_id = person AND f.revoked_at IS NULL;
    RETURN true;
END $$;

REVOKE ALL ON FUNCTION credentials.password_of, credentials.replace_password FROM PUBLIC;
GRANT EXECUTE ON FUNCTION credentials.password_of, credentials.replace_password TO tallystick_app;
