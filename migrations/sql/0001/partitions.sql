-- Partitions are made by these functions alone. They run with the rights of the schema's owner, so the
-- application can open a run without being able to create tables.

-- A leaf is made beside its parent and then attached, which does not lock out readers of the parent.
CREATE FUNCTION add_leaf(parent text, leaf text, bounds text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = polis, pg_temp AS $$
BEGIN
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE)', leaf, parent);
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I %s', parent, leaf, bounds);
    PERFORM guard(leaf::regclass);
    EXECUTE format('GRANT SELECT, INSERT ON %I TO polis_app', leaf);
    EXECUTE format('GRANT SELECT ON %I TO polis_read', leaf);
END $$;

CREATE FUNCTION open_run(of_run int4) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = polis, pg_temp AS $$
DECLARE parent text;
BEGIN
    FOREACH parent IN ARRAY ARRAY['ticks', 'inputs', 'snapshots', 'texts'] LOOP
        PERFORM add_leaf(parent, format('%s_r%s', parent, of_run), format('FOR VALUES IN (%s)', of_run));
    END LOOP;
END $$;

-- Make the leaf for ticks first … stop-1, if it is not there yet, and return its name.
CREATE FUNCTION open_stretch(of_run int4, first int4, stop int4) RETURNS text
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

-- Give a stretch that takes no more events the indexes that its hot time could not afford.
CREATE FUNCTION close_stretch(of_run int4, first int4) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = polis, pg_temp AS $$
DECLARE leaf_name text;
BEGIN
    SELECT leaf INTO leaf_name FROM stretches WHERE run = of_run AND tick_first = first AND NOT closed FOR UPDATE;
    IF leaf_name IS NULL THEN RETURN; END IF;
    EXECUTE format('CREATE INDEX %I ON %I (run, agent, tick)', leaf_name || '_agent', leaf_name);
    EXECUTE format('CREATE INDEX %I ON %I USING brin (tick) WITH (pages_per_range = 16)', leaf_name || '_tick', leaf_name);
    UPDATE stretches SET closed = true WHERE run = of_run AND tick_first = first;
END $$;

-- Drop a whole run and leave a tombstone. Partitions go as tables do: no bloat, nothing to vacuum.
CREATE FUNCTION drop_run(of_run int4, reason text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = polis, pg_temp AS $$
DECLARE leaf_name text; child text;
BEGIN
    SELECT name INTO child FROM runs WHERE parent = of_run LIMIT 1;
    IF child IS NOT NULL THEN
        RAISE EXCEPTION 'run % is read by its fork %', of_run, child
            USING ERRCODE = 'dependent_objects_still_exist', HINT = 'drop the fork first';
    END IF;
    PERFORM FROM leases WHERE run = of_run FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no run %', of_run USING ERRCODE = 'no_data_found';
    END IF;
    IF NOT pg_try_advisory_xact_lock(20814, of_run) THEN
        RAISE EXCEPTION 'run % is being written', of_run USING ERRCODE = 'object_in_use', HINT = 'stop it first';
    END IF;
    INSERT INTO tombstones (run, name, seed, head_tick, head_hash, why)
    SELECT r.run, r.name, r.seed, h.tick, h.chain_hash, reason FROM runs r LEFT JOIN LATERAL
        (SELECT tick, chain_hash FROM ticks t WHERE t.run = r.run ORDER BY tick DESC LIMIT 1) h ON true
    WHERE r.run = of_run;
    FOR leaf_name IN SELECT leaf FROM stretches WHERE run = of_run LOOP
        EXECUTE format('DROP TABLE %I', leaf_name);
    END LOOP;
    FOREACH leaf_name IN ARRAY ARRAY['ticks', 'inputs', 'snapshots', 'texts'] LOOP
        EXECUTE format('DROP TABLE IF EXISTS %I', format('%s_r%s', leaf_name, of_run));
    END LOOP;
    PERFORM set_config('polis.dropping_run', 'on', true);
    DELETE FROM stretches WHERE run = of_run;
    DELETE FROM late_inputs WHERE run = of_run;
    DELETE FROM leases WHERE run = of_run;
    DELETE FROM runs WHERE run = of_run;
    PERFORM set_config('polis.dropping_run', 'off', true);
END $$;
