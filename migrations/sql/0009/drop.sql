SET LOCAL search_path = polis;
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
DROP FUNCTION index_agents, has_large_ticks;
