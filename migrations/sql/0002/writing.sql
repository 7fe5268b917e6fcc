SET LOCAL search_path = polis;
-- A tick's transaction is one query string, so the server itself must refuse what the writer may not write:
-- raised in the middle, it takes the rest of the string with it. The codes are those of infrastructure/tick_writer.py.
CREATE FUNCTION refuse_ticks(code text) RETURNS int4 LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'these ticks are refused' USING ERRCODE = code,
        DETAIL = CASE code WHEN 'PL001' THEN 'another runner has taken the run over'
                           WHEN 'PL002' THEN 'an input was recorded that they were decided without' END;
END $$;
REVOKE ALL ON FUNCTION refuse_ticks FROM PUBLIC;
GRANT EXECUTE ON FUNCTION refuse_ticks TO polis_app;

-- A hot stretch only grows: its statistics would be made anew with every tenth row, within somebody's tick. They are
-- made once, when it is closed.
CREATE OR REPLACE FUNCTION open_stretch(of_run int4, first int4, stop int4) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = polis, pg_temp AS $$
DECLARE leaf_name text := format('events_r%s_t%s', of_run, first);
BEGIN
    IF EXISTS (SELECT FROM stretches s WHERE s.run = of_run AND s.tick_first = first) THEN
        RETURN leaf_name;
    END IF;
    PERFORM add_leaf('stored_events', leaf_name,
                     format('FOR VALUES FROM (%s, %s) TO (%s, %s)', of_run, first, of_run, stop));
    EXECUTE format('ALTER TABLE %I SET (autovacuum_enabled = false)', leaf_name);
    INSERT INTO stretches (run, tick_first, tick_end, leaf) VALUES (of_run, first, stop, leaf_name);
    RETURN leaf_name;
END $$;

-- Where a stretch has which tick, as of now. It stays if the stretch takes more events, and costs them nothing.
CREATE FUNCTION index_ticks(leaf_name text) RETURNS void
LANGUAGE plpgsql SET search_path = polis, pg_temp AS $$
BEGIN
    EXECUTE format('CREATE INDEX IF NOT EXISTS %I ON %I USING brin (tick) WITH (pages_per_range = 16)',
                   leaf_name || '_tick', leaf_name);
    PERFORM brin_summarize_new_values(format('polis.%I', leaf_name || '_tick')::regclass);
END $$;

-- Let a run rest: its hot stretch may take more events one day, but is to be sought in until then.
CREATE FUNCTION rest_stretch(of_run int4, at_tick int4) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = polis, pg_temp AS $$
DECLARE leaf_name text;
BEGIN
    SELECT leaf INTO leaf_name FROM stretches
    WHERE run = of_run AND at_tick >= tick_first AND at_tick < tick_end AND NOT closed;
    IF leaf_name IS NOT NULL THEN PERFORM index_ticks(leaf_name); END IF;
END $$;
REVOKE ALL ON FUNCTION index_ticks, rest_stretch FROM PUBLIC;
GRANT EXECUTE ON FUNCTION rest_stretch TO polis_app;

-- The index is on the agent alone: its duplicates are kept as lists, so it takes a quarter of what (run, agent, tick)
-- takes, and two thirds of the time to build. The run is the leaf's own; a stretch has few rows of an agent to sort.
CREATE OR REPLACE FUNCTION close_stretch(of_run int4, first int4) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = polis, pg_temp AS $$
DECLARE leaf_name text;
BEGIN
    SELECT leaf INTO leaf_name FROM stretches WHERE run = of_run AND tick_first = first AND NOT closed FOR UPDATE;
    IF leaf_name IS NULL THEN RETURN; END IF;
    EXECUTE format('CREATE INDEX %I ON %I (agent)', leaf_name || '_agent', leaf_name);
    PERFORM index_ticks(leaf_name);
    EXECUTE format('ALTER TABLE %I RESET (autovacuum_enabled)', leaf_name);
    EXECUTE format('ANALYZE %I', leaf_name);
    UPDATE stretches SET closed = true WHERE run = of_run AND tick_first = first;
END $$;
