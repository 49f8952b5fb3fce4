-- The one way into the log: a batch of commands in one call, one verdict for each.
-- Every statement of a volatile function takes a fresh snapshot under READ COMMITTED, so what
-- follows the lock sees all that was committed before it was granted.

SET LOCAL ROLE tallystick_writer;

CREATE FUNCTION log.append(
    p_commands      integer[],      -- per row: which command of the batch, counted from 1
    p_streams       uuid[],         -- rows of one command and stream stand together
    p_versions      bigint[],
    p_topics        text[],
    p_states        bytea[],
    p_salts         bytea[],
    p_tenants       uuid[],
    p_actors        uuid[],
    p_command_ids   uuid[],
    p_correlations  uuid[],
    p_causations    uuid[],
    p_occurred      timestamptz[],
    p_sources       text[],
    p_schemas       smallint[],
    p_key_rows      integer[],      -- per idempotency key: the first and the last row of its command
    p_key_lasts     integer[],
    p_keys          text[],
    p_digests       bytea[],
    p_source_rows   integer[],      -- per source key: a row of its command
    p_source_names  text[],
    p_source_keys   text[],
    p_subject_rows  integer[],      -- per data subject with sealed values: a row of the command
    p_subjects      uuid[],
    OUT first_position   bigint,
    OUT epoch            integer,
    OUT recorded_at      timestamptz,
    OUT tenant_positions bigint[],  -- per row; null where refused
    OUT numbers          bigint[],  -- per row; null unless a stream's first event
    OUT refusals         jsonb      -- null when there are none
) LANGUAGE plpgsql VOLATILE SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp
  SET plan_cache_mode = force_generic_plan
  SET enable_bitmapscan = off  -- no statistics are needed to see that the end of an index is near
  SET enable_seqscan = off
AS $$
DECLARE
    v_last     bigint;
    v_refused  integer[];
    v_broken   jsonb;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'append needs READ COMMITTED' USING ERRCODE = 'feature_not_supported';
    END IF;
    IF current_setting('synchronous_commit') = 'off' THEN
        RAISE EXCEPTION 'append needs synchronous_commit' USING ERRCODE = 'feature_not_supported';
    END IF;
    PERFORM pg_advisory_xact_lock(7310579, 1);

    SELECT e.notification_id, e.recorded_at INTO v_last, recorded_at
      FROM log.events e ORDER BY e.notification_id DESC LIMIT 1;
    v_last := coalesce(v_last, 0);
    first_position := v_last + 1;
    recorded_at := greatest(clock_timestamp(), recorded_at);
    SELECT max(h.epoch) INTO epoch FROM log.epochs h;

    -- A row follows its predecessor in the log, or the row before it in this call.
    SELECT jsonb_agg(jsonb_build_object('command', r.command, 'reason', 'version'))
      INTO v_broken
      FROM unnest(p_commands, p_streams, p_versions, p_tenants) WITH ORDINALITY
           AS r (command, stream, version, tenant, ord)
      LEFT JOIN LATERAL (
            SELECT e.originator_version, e.tenant_id FROM log.events e
             WHERE e.originator_id = r.stream ORDER BY e.originator_version DESC LIMIT 1
           ) head ON true
     WHERE (p_streams[r.ord - 1] = r.stream AND p_commands[r.ord - 1] = r.command
            AND p_versions[r.ord - 1] = r.version - 1 AND p_tenants[r.ord - 1] = r.tenant
            ) IS NOT TRUE
       AND CASE WHEN head.tenant_id IS NULL THEN r.version NOT IN (0, 1)
                ELSE head.tenant_id <> r.tenant OR head.originator_version <> r.version - 1 END;

    IF cardinality(p_keys) > 0 THEN
        SELECT coalesce(v_broken, '[]') || coalesce(jsonb_agg(jsonb_build_object(
                   'command', p_commands[k.row], 'reason',
                   CASE WHEN known.command_id = p_command_ids[k.row] THEN 'version'
                        WHEN known.digest = k.digest THEN 'replayed' ELSE 'key_reused' END,
                   'stream', known.stream_id, 'version', known.version,
                   'position', known.tenant_position, 'number', known.number)), '[]')
          INTO v_broken
          FROM unnest(p_key_rows, p_keys, p_digests) AS k (row, key, digest)
          JOIN log.command_keys known ON known.tenant_id = p_tenants[k.row]
           AND known.actor_id = p_actors[k.row] AND known.key = k.key
        HAVING count(*) > 0 OR v_broken IS NOT NULL;
    END IF;
    IF cardinality(p_source_keys) > 0 THEN
        SELECT coalesce(v_broken, '[]') || coalesce(jsonb_agg(jsonb_build_object(
                   'command', p_commands[s.row], 'reason',
                   CASE WHEN known.command_id = p_command_ids[s.row] THEN 'version'
                        ELSE 'source_known' END,
                   'stream', known.stream_id)), '[]')
          INTO v_broken
          FROM unnest(p_source_rows, p_source_names, p_source_keys) AS s (row, source, key)
          JOIN log.source_keys known ON known.tenant_id = p_tenants[s.row]
           AND known.source = s.source AND known.key = s.key
        HAVING count(*) > 0 OR v_broken IS NOT NULL;
    END IF;
    IF cardinality(p_subjects) > 0 THEN
        SELECT coalesce(v_broken, '[]') || coalesce(jsonb_agg(jsonb_build_object(
                   'command', p_commands[s.row], 'reason', 'subject_erased')), '[]')
          INTO v_broken
          FROM unnest(p_subject_rows, p_subjects) AS s (row, subject)
          JOIN personal.subject_keys k ON k.tenant_id = p_tenants[s.row] AND k.subject_id = s.subject
         WHERE k.erased_at IS NOT NULL
        HAVING count(*) > 0 OR v_broken IS NOT NULL;
    END IF;

    IF v_broken IS NULL THEN
        v_refused := '{}';
    ELSE
        SELECT array_agg(DISTINCT (b ->> 'command')::integer) INTO v_refused
          FROM jsonb_array_elements(v_broken) b;
        refusals := log.explain(v_broken, p_commands, p_streams, p_versions, p_command_ids);
    END IF;

    -- Heads are read from the end of an index, never from counters: updated rows rot under any
    -- long snapshot.
    WITH row_of AS (
        SELECT r.tenant, split_part(r.topic, '.', 1) AS kind, r.ord,
               (r.version <= 1 AND (p_streams[r.ord - 1] = r.stream
                                    AND p_commands[r.ord - 1] = r.command) IS NOT TRUE
                AND (r.version = 1 OR r.version = 0)) AS begins
          FROM unnest(p_commands, p_streams, p_versions, p_topics, p_tenants) WITH ORDINALITY
               AS r (command, stream, version, topic, tenant, ord)
         WHERE r.command <> ALL (v_refused)
    ), tenant_head AS (
        SELECT t.tenant, coalesce((SELECT e.tenant_position FROM log.events e
                WHERE e.tenant_id = t.tenant ORDER BY e.tenant_position DESC LIMIT 1), 0) AS head
          FROM (SELECT DISTINCT o.tenant FROM row_of o) t
    ), number_head AS (
        SELECT t.tenant, t.kind, coalesce((SELECT e.number FROM log.events e
                WHERE e.tenant_id = t.tenant AND split_part(e.topic, '.', 1) = t.kind
                  AND e.number IS NOT NULL
                ORDER BY e.tenant_id DESC, split_part(e.topic, '.', 1) DESC, e.number DESC
                LIMIT 1), 0) AS head
          FROM (SELECT DISTINCT o.tenant, o.kind FROM row_of o WHERE o.begins) t
    ), numbered AS (
        SELECT o.ord, th.head + row_number() OVER (PARTITION BY o.tenant ORDER BY o.ord) AS tp,
               CASE WHEN o.begins THEN nh.head
                    + count(*) FILTER (WHERE o.begins)
                      OVER (PARTITION BY o.tenant, o.kind ORDER BY o.ord) END AS number
          FROM row_of o
          JOIN tenant_head th ON th.tenant = o.tenant
          LEFT JOIN number_head nh ON nh.tenant = o.tenant AND nh.kind = o.kind
    )
    SELECT array_agg(n.tp ORDER BY i.ord), array_agg(n.number ORDER BY i.ord)
      INTO tenant_positions, numbers
      FROM unnest(p_commands) WITH ORDINALITY AS i (command, ord)
      LEFT JOIN numbered n ON n.ord = i.ord;

    INSERT INTO log.events (
        originator_id, originator_version, topic, state, notification_id, epoch, tenant_id,
        tenant_position, number, actor_id, command_id, correlation_id, causation_id, recorded_at,
        occurred_at, source, schema_version, salt)
    SELECT r.stream, r.version, r.topic, r.state,
           v_last + row_number() OVER (ORDER BY r.ord), append.epoch, r.tenant,
           r.tenant_position, r.number, r.actor, r.command_id, r.correlation, r.causation,
           append.recorded_at, coalesce(r.occurred, append.recorded_at), r.source, r.schema, r.salt
      FROM unnest(p_commands, p_streams, p_versions, p_topics, p_states, p_salts, p_tenants,
                  p_actors, p_command_ids, p_correlations, p_causations, p_occurred, p_sources,
                  p_schemas, tenant_positions, numbers) WITH ORDINALITY
           AS r (command, stream, version, topic, state, salt, tenant, actor, command_id,
                 correlation, causation, occurred, source, schema, tenant_position, number, ord)
     WHERE r.command <> ALL (v_refused);

    IF cardinality(p_keys) > 0 THEN
        INSERT INTO log.command_keys (tenant_id, actor_id, key, digest, command_id, stream_id,
                                      version, tenant_position, number, created_at)
        SELECT p_tenants[k.row], p_actors[k.row], k.key, k.digest, p_command_ids[k.row],
               p_streams[k.row], p_versions[k.last], tenant_positions[k.last], numbers[k.row],
               append.recorded_at
          FROM unnest(p_key_rows, p_key_lasts, p_keys, p_digests) AS k (row, last, key, digest)
         WHERE p_commands[k.row] <> ALL (v_refused);
    END IF;
    IF cardinality(p_source_keys) > 0 THEN
        INSERT INTO log.source_keys (tenant_id, source, key, stream_id, command_id)
        SELECT p_tenants[s.row], s.source, s.key, p_streams[s.row], p_command_ids[s.row]
          FROM unnest(p_source_rows, p_source_names, p_source_keys) AS s (row, source, key)
         WHERE p_commands[s.row] <> ALL (v_refused);
    END IF;
END $$;

-- What became of refused commands: `stored` when all its rows are there already (the answer to an
-- earlier try was lost), else why not, with the stream's present version.
CREATE FUNCTION log.explain(
    p_broken jsonb, p_commands integer[], p_streams uuid[], p_versions bigint[],
    p_command_ids uuid[]
) RETURNS jsonb LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_agg(coalesce(s.verdict, b.verdict))
      FROM (SELECT DISTINCT ON ((b ->> 'command')::integer)
                   (b ->> 'command')::integer AS command, b AS verdict
              FROM jsonb_array_elements(p_broken) b
             ORDER BY (b ->> 'command')::integer, (b ->> 'reason') = 'version') b
      CROSS JOIN LATERAL (
            SELECT min(i.ord)::integer AS first, max(i.ord)::integer AS last
              FROM unnest(p_commands) WITH ORDINALITY AS i (command, ord)
             WHERE i.command = b.command) own
      LEFT JOIN LATERAL (
            SELECT jsonb_build_object('command', b.command, 'reason', 'stored',
                       'log_position', f.notification_id, 'recorded_at', f.recorded_at,
                       'epoch', f.epoch, 'position', f.tenant_position, 'numbers', (
                           SELECT jsonb_agg(e.number ORDER BY e.notification_id) FROM log.events e
                            WHERE e.notification_id BETWEEN f.notification_id
                              AND f.notification_id + own.last - own.first)) AS verdict
              FROM log.events f
             WHERE f.originator_id = p_streams[own.first]
               AND f.originator_version = p_versions[own.first]
               AND f.command_id = p_command_ids[own.first]) s ON true
$$;

-- Streams by their newer events, for folding: another tenant's stream has none.
CREATE FUNCTION log.read_streams(p_tenants uuid[], p_streams uuid[], p_after bigint[])
RETURNS SETOF log.events LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
    SELECT e.* FROM unnest(p_tenants, p_streams, p_after) AS wanted (tenant, stream, after)
     CROSS JOIN LATERAL (
        SELECT * FROM log.events e
         WHERE e.originator_id = wanted.stream AND e.originator_version > wanted.after
           AND e.tenant_id = wanted.tenant
         ORDER BY e.originator_version) e
$$;

-- The log's tail for processes that may not read it: headers and field names, never a value.
CREATE FUNCTION log.tail(p_after bigint, p_limit integer)
RETURNS TABLE (
    notification_id bigint, epoch integer, tenant_id uuid, tenant_position bigint, topic text,
    originator_id uuid, originator_version bigint, number bigint, actor_id uuid,
    command_id uuid, correlation_id uuid, recorded_at timestamptz, occurred_at timestamptz,
    source text, fields text[]
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT e.notification_id, e.epoch, e.tenant_id, e.tenant_position, e.topic,
           e.originator_id, e.originator_version, e.number, e.actor_id, e.command_id,
           e.correlation_id, e.recorded_at, e.occurred_at, e.source,
           CASE WHEN e.purged_by IS NULL AND e.state <> '' THEN
               ARRAY(SELECT jsonb_object_keys(convert_from(e.state, 'UTF8')::jsonb)) END
      FROM log.events e WHERE e.notification_id > p_after
     ORDER BY e.notification_id LIMIT p_limit
$$;

CREATE FUNCTION log.head(OUT last_position bigint, OUT epoch integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce((SELECT e.notification_id FROM log.events e
                      ORDER BY e.notification_id DESC LIMIT 1), 0),
           (SELECT max(h.epoch) FROM log.epochs h)
$$;

-- The verdict on a request with this key, for a refusal that may be a repetition.
CREATE FUNCTION log.known_key(p_tenant uuid, p_actor uuid, p_key text)
RETURNS SETOF log.command_keys LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
    SELECT k.* FROM log.command_keys k
     WHERE k.tenant_id = p_tenant AND k.actor_id = p_actor AND k.key = p_key
$$;

CREATE FUNCTION log.stream_of(p_tenant uuid, p_kind text, p_number bigint) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT e.originator_id FROM log.events e
     WHERE e.tenant_id = p_tenant AND split_part(e.topic, '.', 1) = p_kind AND e.number = p_number
$$;

CREATE FUNCTION log.forget_old_keys(p_keep interval) RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH gone AS (DELETE FROM log.command_keys
                   WHERE created_at < clock_timestamp() - p_keep RETURNING 1)
    SELECT count(*) FROM gone
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA log FROM PUBLIC;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA log TO tallystick_app;
REVOKE EXECUTE ON FUNCTION log.explain, log.refuse_change, log.forget_old_keys FROM tallystick_app;
GRANT EXECUTE ON FUNCTION log.head, log.forget_old_keys TO tallystick_tailer;

SET LOCAL ROLE tallystick_owner;
