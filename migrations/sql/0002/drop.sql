SET LOCAL search_path = polis;
DROP FUNCTION refuse_ticks, rest_stretch, index_ticks;
CREATE OR REPLACE FUNCTION open_stretch(of_run int4, first int4, stop int4) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = polis, pg_temp AS $$
DECLARE leaf_name text := format('events_r%s_t%s', of_run, first);
BEGIN
    IF EXISTS (SELECT FROM stretches s WHERE s.run = of_run AND s.tick_first = first) THEN
        RETURN leaf_name;
    END IF;
    PERFORM add_leaf('stored_events', leaf_name,
                     format('FOR VALUES FROM (%s, %s) TO (%s, %s)', of_run, first, of_run, stop));
    INSERT INTO stretches (run, tick_first, tick_end, leaf) VALUES (of_run, first, stop, leaf_name);
    RETURN leaf_name;
END $$;
CREATE OR REPLACE FUNCTION close_stretch(of_run int4, first int4) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = polis, pg_temp AS $$
DECLARE leaf_name text;
BEGIN
    SELECT leaf INTO leaf_name FROM stretches WHERE run = of_run AND tick_first = first AND NOT closed FOR UPDATE;
    IF leaf_name IS NULL THEN RETURN; END IF;
    EXECUTE format('CREATE INDEX %I ON %I (run, agent, tick)', leaf_name || '_agent', leaf_name);
    EXECUTE format('CREATE INDEX %I ON %I USING brin (tick) WITH (pages_per_range = 16)', leaf_name || '_tick', leaf_name);
    UPDATE stretches SET closed = true WHERE run = of_run AND tick_first = first;
END $$;
