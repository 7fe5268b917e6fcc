SET LOCAL search_path = polis;
-- Whether a tick tells of each agent in one place of many: then it is enough to know which few pages that is.
CREATE FUNCTION has_large_ticks(leaf_name text, ticks int4) RETURNS boolean
LANGUAGE sql STABLE SET search_path = polis, pg_temp AS $$
    SELECT pg_relation_size(leaf_name::regclass) >= 512::int8 * ticks * current_setting('block_size')::int8
$$;

-- Where a stretch has which agent. A b-tree knows each row, and has to sort them all for it. Of large ticks a filter
-- for every eight pages tells whether an agent may be in them, in half the time for agents and ticks together.
CREATE FUNCTION index_agents(leaf_name text, by_filter boolean) RETURNS void
LANGUAGE plpgsql SET search_path = polis, pg_temp AS $$
BEGIN
    EXECUTE format(
        CASE WHEN by_filter THEN 'CREATE INDEX %I ON %I USING brin '
            '(tick, agent int4_bloom_ops (n_distinct_per_range = 768)) WITH (pages_per_range = 8)'
        ELSE 'CREATE INDEX %I ON %I (agent)' END,
        leaf_name || '_agent', leaf_name);
END $$;
REVOKE ALL ON FUNCTION has_large_ticks, index_agents FROM PUBLIC;

CREATE OR REPLACE FUNCTION close_stretch(of_run int4, first int4) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = polis, pg_temp AS $$
DECLARE leaf_name text; by_filter boolean;
BEGIN
    SELECT leaf, has_large_ticks(leaf, tick_end - tick_first) INTO leaf_name, by_filter
    FROM stretches WHERE run = of_run AND tick_first = first AND NOT closed FOR UPDATE;
    IF leaf_name IS NULL THEN RETURN; END IF;
    PERFORM index_agents(leaf_name, by_filter);
    -- The filter's index has the ticks as well; one of a time when the run rested is completed all the same.
    IF NOT by_filter OR to_regclass(leaf_name || '_tick') IS NOT NULL THEN PERFORM index_ticks(leaf_name); END IF;
    EXECUTE format('ALTER TABLE %I RESET (autovacuum_enabled)', leaf_name);
    EXECUTE format('ANALYZE %I', leaf_name);
    UPDATE stretches SET closed = true WHERE run = of_run AND tick_first = first;
END $$;
