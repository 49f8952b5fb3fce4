-- The tail tells what every message says of an event: its record's number, actor and times too.

SET LOCAL ROLE tallystick_writer;

-- Another row type is another function.
DROP FUNCTION log.tail(bigint, integer);

-- The log's tail for processes that may not read it: headers and field names, never a value.
-- `number` is the record's, which only its first event holds: 1 us an event more (measured).
CREATE FUNCTION log.tail(p_after bigint, p_limit integer)
RETURNS TABLE (
    notification_id bigint, epoch integer, tenant_id uuid, tenant_position bigint, topic text,
    originator_id uuid, originator_version bigint, number bigint, actor_id uuid,
    command_id uuid, correlation_id uuid, recorded_at timestamptz, occurred_at timestamptz,
    source text, schema_version smallint, fields text[]
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT e.notification_id, e.epoch, e.tenant_id, e.tenant_position, e.topic,
           e.originator_id, e.originator_version,
           coalesce(e.number, (SELECT first.number FROM log.events first
                                WHERE first.originator_id = e.originator_id
                                  AND first.originator_version = 1)),
           e.actor_id, e.command_id, e.correlation_id, e.recorded_at, e.occurred_at, e.source,
           e.schema_version,
           CASE WHEN e.purged_by IS NULL AND e.state <> '' THEN
               ARRAY(SELECT jsonb_object_keys(convert_from(e.state, 'UTF8')::jsonb))
           ELSE '{}' END
      FROM log.events e WHERE e.notification_id > p_after
     ORDER BY e.notification_id LIMIT p_limit
$$;
REVOKE ALL ON FUNCTION log.tail FROM PUBLIC;
GRANT EXECUTE ON FUNCTION log.tail TO tallystick_app;

SET LOCAL ROLE tallystick_owner;
