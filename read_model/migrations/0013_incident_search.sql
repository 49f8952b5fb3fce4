-- The words by which incidents are found.

SET LOCAL ROLE tallystick_tailer;

-- `text`: folded by who writes it (read_model/words.py), so that no locale matters. The organization
-- is a word among the others, one that no text can have: so the index narrows by it too.
CREATE TABLE projections.incident_search_v1 (
    id         uuid      NOT NULL,
    tenant_id  uuid      NOT NULL,
    text       text      COLLATE "C" NOT NULL,
    words      tsvector  NOT NULL GENERATED ALWAYS AS (
        array_to_tsvector(ARRAY['of ' || tenant_id::text])
        || to_tsvector('pg_catalog.simple', text)) STORED,
    PRIMARY KEY (id)
);
-- Every search reads through what is pending, and some batch has to sort it in: eight times as much
-- as that saved the projector nothing (measured).
CREATE INDEX incident_search_v1_by_words ON projections.incident_search_v1 USING gin (words)
    WITH (gin_pending_list_limit = 512);
SELECT projections.wall('incident_search_v1');
INSERT INTO projections.current (name, version, declared, table_name) VALUES
    ('incident_search', 1, 'incident_search_v1', 'incident_search_v1');

-- The incidents of the transaction's organization that have these words, in no order; null when they
-- are more than `p_at_most`, or when the statistics are sure of it without looking (a word they do
-- not know counts as a thousandth). Behind the wall no index could answer: `@@` is not leakproof.
-- A scan would find `p_at_most` sooner, the planner believes, where others fill the table.
CREATE FUNCTION projections.incidents_with(p_words text, p_at_most integer) RETURNS uuid[]
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
DECLARE
    v_tenant uuid := nullif(current_setting('app.tenant', true), '')::uuid;
    v_words  tsquery := websearch_to_tsquery('simple', p_words);
    v_table  text;
    v_query  text;
    v_plan   json;
    v_found  uuid[];
BEGIN
    IF v_tenant IS NULL OR numnode(v_words) = 0 THEN
        RETURN ARRAY[]::uuid[];
    END IF;
    v_words := quote_literal('of ' || v_tenant)::tsquery && v_words;
    SELECT table_name INTO STRICT v_table FROM projections.current WHERE name = 'incident_search';
    v_query := format('SELECT id FROM projections.%I WHERE words @@ $1 AND tenant_id = $2', v_table);
    EXECUTE 'EXPLAIN (FORMAT JSON) ' || v_query INTO v_plan USING v_words, v_tenant;
    IF (v_plan #>> '{0,Plan,Plan Rows}')::float8 > (
        SELECT greatest(2.0 * p_at_most, 0.005 * c.reltuples) FROM pg_class c
         WHERE c.oid = format('projections.%I', v_table)::regclass)
    THEN
        RETURN NULL;
    END IF;
    EXECUTE format('SELECT array_agg(id) FROM (%s LIMIT $3) AS found', v_query)
       INTO v_found USING v_words, v_tenant, p_at_most::bigint + 1;
    RETURN CASE WHEN cardinality(v_found) > p_at_most THEN NULL
                ELSE coalesce(v_found, ARRAY[]::uuid[]) END;
END $$;
REVOKE ALL ON FUNCTION projections.incidents_with FROM PUBLIC;
GRANT EXECUTE ON FUNCTION projections.incidents_with TO tallystick_app;

SET LOCAL ROLE tallystick_owner;
