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
    p_is_careful    boolean,        -- look for what a unique index would refuse, all or none
    OUT first_position   bigint,
    OUT epoch            integer,
    OUT recorded_at      timestamptz,
    OUT tenant_positions bigint[],  -- per row; null where refused
    OUT numbers          bigint[],  -- per row; null unless a stream's first event, or all of it
    OUT refusals         jsonb      -- null when there are none
) LANGUAGE plpgsql VOLATILE SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp  -- a setting costs 9 us a call: planning is the caller's
AS $$
DECLARE
    v_rows       integer   := cardinality(p_commands);
    v_last       bigint;
    v_is_careful boolean;
    v_refused    integer[] := '{}';
    v_broken     jsonb;
    v_positions  bigint[];              -- of the log, per row; null where refused
    v_tenant     uuid;                  -- of the row at hand, with its last position so far
    v_head       bigint;
    v_tenants    uuid[]    := '{}';     -- those of the call, with how far rows of others left them
    v_heads      bigint[]  := '{}';
    v_tenant_at  integer;
    v_topic      text;                  -- of the last numbered row, with its kind's last number
    v_number     bigint;
    v_kinds      text[]    := '{}';     -- tenants with kinds of streams, likewise
    v_numbers    bigint[]  := '{}';
    v_kind_at    integer;
    v_found      bigint;                -- the kind's last number, when it was read with the head
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'append needs READ COMMITTED' USING ERRCODE = 'feature_not_supported';
    END IF;
    IF current_setting('synchronous_commit') = 'off' THEN
        RAISE EXCEPTION 'append needs synchronous_commit' USING ERRCODE = 'feature_not_supported';
    END IF;
    PERFORM pg_advisory_xact_lock(7310579, 1);

    SELECT h.epoch, coalesce(e.notification_id, 0), greatest(clock_timestamp(), e.recorded_at),
           p_is_careful OR EXISTS (SELECT FROM log.zero_based)
      INTO epoch, v_last, recorded_at, v_is_careful
      FROM (SELECT max(o.epoch) AS epoch FROM log.epochs o) h
      LEFT JOIN (SELECT l.notification_id, l.recorded_at FROM log.events l
                  ORDER BY l.notification_id DESC LIMIT 1) e ON true;
    first_position := v_last + 1;

    -- A row follows its predecessor in the log, or the row before it in this call; a stream's first
    -- needs none, and whether there is one the index tells. Rows are taken by subscript: unnest keeps
    -- a table of its own for every array, 16 of them for the insert.
    IF v_is_careful OR 1 <> ANY (p_versions) THEN
        SELECT jsonb_agg(jsonb_build_object('command', p_commands[i], 'reason', 'version'))
          INTO v_broken
          FROM generate_series(1, v_rows) AS i
          LEFT JOIN LATERAL (
                SELECT e.originator_version, e.tenant_id FROM log.events e
                 WHERE e.originator_id = p_streams[i] ORDER BY e.originator_version DESC LIMIT 1
               ) head ON true
         WHERE (v_is_careful OR p_versions[i] <> 1)
           AND (p_streams[i - 1] = p_streams[i] AND p_commands[i - 1] = p_commands[i]
                AND p_versions[i - 1] = p_versions[i] - 1 AND p_tenants[i - 1] = p_tenants[i]
                ) IS NOT TRUE
           AND CASE WHEN head.tenant_id IS NULL THEN p_versions[i] NOT IN (0, 1)
                    ELSE head.tenant_id <> p_tenants[i]
                         OR head.originator_version <> p_versions[i] - 1 END;
    END IF;

    -- LIMIT 1 leaves the planner one way, the index: while a table was empty it chose a hash join
    -- and kept that plan when it had filled (47 ms a batch, measured).
    IF cardinality(p_source_keys) > 0 THEN
        SELECT coalesce(v_broken, '[]') || coalesce(jsonb_agg(jsonb_build_object(
                   'command', p_commands[s.row], 'reason',
                   CASE WHEN known.command_id = p_command_ids[s.row] THEN 'version'
                        ELSE 'source_known' END,
                   'stream', known.stream_id)), '[]')
          INTO v_broken
          FROM unnest(p_source_rows, p_source_names, p_source_keys) AS s (row, source, key)
         CROSS JOIN LATERAL (
               SELECT c.stream_id, c.command_id FROM log.source_keys c
                WHERE c.tenant_id = p_tenants[s.row] AND c.source = s.source AND c.key = s.key
                LIMIT 1) known
        HAVING count(*) > 0 OR v_broken IS NOT NULL;
    END IF;
    IF cardinality(p_subjects) > 0 THEN
        SELECT coalesce(v_broken, '[]') || coalesce(jsonb_agg(jsonb_build_object(
                   'command', p_commands[p_subject_rows[s]], 'reason', 'subject_erased')), '[]')
          INTO v_broken
          FROM generate_series(1, cardinality(p_subjects)) AS s
         CROSS JOIN LATERAL (
               SELECT FROM personal.subject_keys k
                WHERE k.tenant_id = p_tenants[p_subject_rows[s]] AND k.subject_id = p_subjects[s]
                  AND k.erased_at IS NOT NULL LIMIT 1) erased
        HAVING count(*) > 0 OR v_broken IS NOT NULL;
    END IF;

    -- Last, because a repeated request is told its first answer whatever else is in its way.
    IF (p_is_careful OR v_broken IS NOT NULL) AND cardinality(p_keys) > 0 THEN
        SELECT coalesce(v_broken, '[]') || coalesce(jsonb_agg(jsonb_build_object(
                   'command', p_commands[p_key_rows[k]], 'reason',
                   CASE WHEN known.command_id = p_command_ids[p_key_rows[k]] THEN 'version'
                        WHEN known.digest = p_digests[k] THEN 'replayed' ELSE 'key_reused' END,
                   'stream', known.stream_id, 'version', known.version,
                   'position', known.tenant_position, 'number', known.number)), '[]')
          INTO v_broken
          FROM generate_series(1, cardinality(p_keys)) AS k
         CROSS JOIN LATERAL (
               SELECT c.command_id, c.digest, c.stream_id, c.version, c.tenant_position, c.number
                 FROM log.command_keys c
                WHERE c.tenant_id = p_tenants[p_key_rows[k]] AND c.actor_id = p_actors[p_key_rows[k]]
                  AND c.key = p_keys[k] LIMIT 1) known
        HAVING count(*) > 0 OR v_broken IS NOT NULL;
    END IF;

    IF v_broken IS NOT NULL THEN
        SELECT array_agg(DISTINCT (b ->> 'command')::integer) INTO v_refused
          FROM jsonb_array_elements(v_broken) b;
        refusals := log.explain(v_broken, p_commands, p_streams, p_versions, p_command_ids);
    END IF;

    -- Heads are read from the end of an index, never from counters: updated rows rot under any
    -- long snapshot. A loop, because joins and windows over 64 rows took 1.5 ms of 2.3 (measured).
    -- Callers put the rows of a tenant together: most rows only count on from the one before.
    v_positions := array_fill(NULL::bigint, ARRAY[v_rows]);
    tenant_positions := v_positions;
    FOR i IN 1 .. v_rows LOOP
        CONTINUE WHEN v_broken IS NOT NULL AND p_commands[i] = ANY (v_refused);
        v_last := v_last + 1;
        v_positions[i] := v_last;
        IF p_tenants[i] IS DISTINCT FROM v_tenant THEN
            IF v_tenant IS NOT NULL THEN
                v_heads[v_tenant_at] := v_head;
            END IF;
            v_tenant := p_tenants[i];
            v_topic := NULL;
            v_tenant_at := array_position(v_tenants, v_tenant);
            v_head := v_heads[v_tenant_at];
            IF v_tenant_at IS NULL THEN
                v_tenants := v_tenants || v_tenant;
                v_tenant_at := cardinality(v_tenants);
                SELECT coalesce((SELECT e.tenant_position FROM log.events e
                                  WHERE e.tenant_id = v_tenant
                                  ORDER BY e.tenant_position DESC LIMIT 1), 0),
                       CASE WHEN p_versions[i] < 2 THEN coalesce((
                            SELECT e.number FROM log.events e
                             WHERE e.tenant_id = v_tenant AND e.number IS NOT NULL
                               AND split_part(e.topic, '.', 1) = split_part(p_topics[i], '.', 1)
                             ORDER BY e.tenant_id DESC, split_part(e.topic, '.', 1) DESC,
                                      e.number DESC LIMIT 1), 0) END
                  INTO v_head, v_found;
            END IF;
        END IF;
        v_head := v_head + 1;
        tenant_positions[i] := v_head;

        CONTINUE WHEN p_versions[i] > 1 OR (i > 1 AND p_streams[i - 1] = p_streams[i]
                                            AND p_commands[i - 1] = p_commands[i]);
        IF p_topics[i] IS DISTINCT FROM v_topic THEN
            IF v_kind_at IS NOT NULL THEN
                v_numbers[v_kind_at] := v_number;
            END IF;
            v_topic := p_topics[i];
            v_kind_at := array_position(v_kinds, v_tenant || split_part(v_topic, '.', 1));
            v_number := v_numbers[v_kind_at];
            IF v_kind_at IS NULL THEN
                v_kinds := v_kinds || (v_tenant || split_part(v_topic, '.', 1));
                v_kind_at := cardinality(v_kinds);
                IF v_found IS NOT NULL THEN
                    v_number := v_found;
                    v_found := NULL;
                ELSE
                    v_number := coalesce((
                        SELECT e.number FROM log.events e
                         WHERE e.tenant_id = v_tenant AND e.number IS NOT NULL
                           AND split_part(e.topic, '.', 1) = split_part(v_topic, '.', 1)
                         ORDER BY e.tenant_id DESC, split_part(e.topic, '.', 1) DESC,
                                  e.number DESC LIMIT 1), 0);
                END IF;
            END IF;
            IF numbers IS NULL THEN
                numbers := array_fill(NULL::bigint, ARRAY[v_rows]);
            END IF;
        END IF;
        v_number := v_number + 1;
        numbers[i] := v_number;
    END LOOP;

    INSERT INTO log.events (
        originator_id, originator_version, topic, state, notification_id, epoch, tenant_id,
        tenant_position, number, actor_id, command_id, correlation_id, causation_id, recorded_at,
        occurred_at, source, schema_version, salt)
    SELECT p_streams[i], p_versions[i], p_topics[i], p_states[i], v_positions[i], append.epoch,
           p_tenants[i], tenant_positions[i], numbers[i], p_actors[i], p_command_ids[i],
           p_correlations[i], p_causations[i], append.recorded_at,
           coalesce(p_occurred[i], append.recorded_at), p_sources[i], p_schemas[i], p_salts[i]
      FROM generate_series(1, v_rows) AS i
     WHERE v_positions[i] IS NOT NULL;

    IF 0 = ANY (p_versions) THEN
        INSERT INTO log.zero_based (originator_id)
        SELECT p_streams[i] FROM generate_series(1, v_rows) AS i
         WHERE p_versions[i] = 0 AND v_positions[i] IS NOT NULL;
    END IF;
    IF cardinality(p_keys) > 0 THEN
        INSERT INTO log.command_keys (tenant_id, actor_id, key, digest, command_id, stream_id,
                                      version, tenant_position, number, created_at)
        SELECT p_tenants[p_key_rows[k]], p_actors[p_key_rows[k]], p_keys[k], p_digests[k],
               p_command_ids[p_key_rows[k]], p_streams[p_key_rows[k]], p_versions[p_key_lasts[k]],
               tenant_positions[p_key_lasts[k]], numbers[p_key_rows[k]], append.recorded_at
          FROM generate_series(1, cardinality(p_keys)) AS k
         WHERE p_commands[p_key_rows[k]] <> ALL (v_refused);
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
             ORDER BY (b ->> 'command')::integer, (b ->> 'reason') = 'version',
                      (b ->> 'reason') NOT IN ('replayed', 'key_reused')) b
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

-- This and what else answers for a tenant answers only for the one that the transaction names in
-- `app.tenant`: a wrong argument finds nothing.
--
-- Streams by their newer events, for folding: another tenant's stream has none. OFFSET and the
-- setting leave one way to read them: before the table's first statistics the planner combined
-- this index with the tenant's, reading all its events for every stream (1 ms each, measured).
-- Whose a stream is is asked of its first row: to read all of another's takes the longer the longer
-- it is, which would tell that there is one.
CREATE FUNCTION log.read_streams(p_tenants uuid[], p_streams uuid[], p_after bigint[])
RETURNS SETOF log.events LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_bitmapscan = off AS $$
    SELECT e.* FROM unnest(p_tenants, p_streams, p_after) AS wanted (tenant, stream, after)
     CROSS JOIN LATERAL (
        SELECT * FROM log.events l
         WHERE l.originator_id = wanted.stream AND l.originator_version > wanted.after
         ORDER BY l.originator_version OFFSET 0) e
     WHERE e.tenant_id = wanted.tenant
       AND wanted.tenant = nullif(current_setting('app.tenant', true), '')::uuid
       AND wanted.tenant = (
        SELECT f.tenant_id FROM log.events f
         WHERE f.originator_id = wanted.stream AND f.originator_version > wanted.after
         ORDER BY f.originator_version LIMIT 1)
$$;

-- What a stored event tells of, and nothing where it is damaged: one that cannot be read must not
-- stop those who follow all the others. Whoever replays or verifies the log is told of it. The
-- guard is 2 us of the server's time an event (measured).
CREATE FUNCTION log.field_names(p_state bytea) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN ARRAY(SELECT jsonb_object_keys(convert_from(p_state, 'UTF8')::jsonb));
EXCEPTION WHEN data_exception THEN
    RETURN '{}';
END
$$;

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
           CASE WHEN e.purged_by IS NULL THEN log.field_names(e.state) ELSE '{}' END
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
       AND p_tenant = nullif(current_setting('app.tenant', true), '')::uuid
$$;

CREATE FUNCTION log.stream_of(p_tenant uuid, p_kind text, p_number bigint) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT e.originator_id FROM log.events e
     WHERE e.tenant_id = p_tenant AND split_part(e.topic, '.', 1) = p_kind AND e.number = p_number
       AND p_tenant = nullif(current_setting('app.tenant', true), '')::uuid
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
