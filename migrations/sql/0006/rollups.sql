SET LOCAL search_path = polis;
-- Rollups: what a question over ten million events would have to gather anew each time. Each is a projection of events,
-- kept a run, made on demand and taken further from where it stands; the views of polis_run take the rest from the
-- events themselves, so they are right whether or not anything is rolled up. No tick pays for them.
CREATE SCHEMA polis_rollup;

CREATE TABLE polis_rollup.progress (
    run          int4 PRIMARY KEY REFERENCES runs ON DELETE CASCADE,
    through      int4 NOT NULL DEFAULT -1,  -- newest tick that rare, activity and footsteps cover; whole blocks of 1,000
    sampled      int4 NOT NULL DEFAULT -1,  -- newest tick that samples cover
    refreshed_at timestamptz NOT NULL DEFAULT now()
);
-- Events of all kinds but the five that make up nearly everything, lying together by kind.
CREATE TABLE polis_rollup.rare (LIKE stored_events) PARTITION BY LIST (run);
-- How many events of which kind, in blocks of 100 ticks.
CREATE TABLE polis_rollup.activity (run int4 NOT NULL, tick int4 NOT NULL, kind int2 NOT NULL, events int8 NOT NULL)
    PARTITION BY LIST (run);
-- How many steps from which cell to which, in blocks of 1,000 ticks.
CREATE TABLE polis_rollup.footsteps (run int4 NOT NULL, tick int4 NOT NULL, from_cell int4 NOT NULL, cell int4 NOT NULL,
                                     steps int8 NOT NULL) PARTITION BY LIST (run);
-- Every living agent at every hundredth tick, as folding the events tells it.
CREATE TABLE polis_rollup.samples (
    run int4 NOT NULL, tick int4 NOT NULL, agent int4 NOT NULL, cell int4 NOT NULL, energy int4 NOT NULL,
    satiety int4 NOT NULL, company int4 NOT NULL, food int4 NOT NULL, wood int4 NOT NULL, stone int4 NOT NULL,
    ore int4 NOT NULL, coin int4 NOT NULL, tool_uses int4 NOT NULL
) PARTITION BY LIST (run);

CREATE FUNCTION is_rare(kind int2) RETURNS bool LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT kind NOT IN (5, 6, 7, 9, 10) $$;  -- intentions, moves, gatherings, meals, rests

-- Up to which tick the run that is looked at is rolled up. Called immutable for the sake of the planner, as current_run()
-- is; rollups only grow, so an older figure is as good. still_rolled() refuses a plan of what was forgotten since.
CREATE FUNCTION rolled_through() RETURNS int4
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = polis, pg_temp AS $$
BEGIN
    RETURN coalesce((SELECT through FROM polis_rollup.progress WHERE run = chosen_run()), -1);
END $$;

CREATE FUNCTION still_rolled(planned int4) RETURNS bool
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = polis, pg_temp AS $$
BEGIN
    IF planned > coalesce((SELECT through FROM polis_rollup.progress WHERE run = chosen_run()), -1) THEN
        RAISE EXCEPTION 'this query was prepared for rollups that were forgotten since'
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'DISCARD PLANS, or prepare it anew';
    END IF;
    RETURN true;
END $$;

-- Make what a run is rolled up into. A fork begins with what its parent has of the ticks that they share.
CREATE FUNCTION open_rollup(of_run int4) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = polis, pg_temp AS $$
DECLARE part text; columns text; shared_through int4; shared_sampled int4; above runs;
BEGIN
    PERFORM pg_advisory_xact_lock(20816, of_run);
    IF EXISTS (SELECT FROM polis_rollup.progress WHERE run = of_run) THEN RETURN; END IF;
    SELECT p.* INTO above FROM runs r JOIN runs p ON p.run = r.parent WHERE r.run = of_run;
    SELECT least(p.through, r.fork_tick), least(p.sampled, r.fork_tick) INTO shared_through, shared_sampled
    FROM runs r JOIN polis_rollup.progress p ON p.run = r.parent WHERE r.run = of_run;
    shared_through := coalesce((shared_through + 1) / 1000 * 1000 - 1, -1);
    shared_sampled := coalesce(shared_sampled, -1);
    FOREACH part IN ARRAY ARRAY['rare', 'activity', 'footsteps', 'samples'] LOOP
        -- Made beside its parent and then attached, which locks out nobody who reads of other runs.
        EXECUTE format('CREATE TABLE polis_rollup.%I (LIKE polis_rollup.%I INCLUDING STORAGE)', part || '_r' || of_run, part);
        EXECUTE format('ALTER TABLE polis_rollup.%I ATTACH PARTITION polis_rollup.%I FOR VALUES IN (%s)',
                       part, part || '_r' || of_run, of_run);
        EXECUTE format('GRANT SELECT ON polis_rollup.%I TO polis_app, polis_read, polis_maintenance', part || '_r' || of_run);
        IF above.run IS NOT NULL THEN
            SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) INTO columns FROM pg_attribute
            WHERE attrelid = format('polis_rollup.%I', part)::regclass AND attnum > 1 AND NOT attisdropped;
            EXECUTE format('INSERT INTO polis_rollup.%I (run, %s) SELECT %s, %s FROM polis_rollup.%I WHERE run = %s AND tick <= %s',
                           part || '_r' || of_run, columns, of_run, columns, part, above.run,
                           CASE WHEN part = 'samples' THEN shared_sampled ELSE shared_through END);
        END IF;
    END LOOP;
    EXECUTE format('CREATE INDEX ON polis_rollup.%I (kind, tick)', 'rare_r' || of_run);
    INSERT INTO polis_rollup.progress (run, through, sampled) VALUES (of_run, shared_through, shared_sampled);
END $$;

-- Roll the events of a run up to a tick; whole blocks of 1,000 ticks only, so nothing if there is none. Returns how far.
CREATE FUNCTION roll_up(of_run int4, to_tick int4) RETURNS int4
LANGUAGE plpgsql SECURITY DEFINER SET search_path = polis_run, polis, pg_temp SET enable_nestloop = off AS $$
DECLARE first int4; last int4 := (to_tick + 1) / 1000 * 1000 - 1; columns text;
BEGIN
    PERFORM open_rollup(of_run);
    PERFORM pg_advisory_xact_lock(20816, of_run);
    SELECT through + 1 INTO first FROM polis_rollup.progress WHERE run = of_run FOR UPDATE;
    IF last < first THEN RETURN first - 1; END IF;
    -- Each statement is planned now: a plan that was kept would be of the run that was rolled up before.
    PERFORM set_config('polis.run', of_run::text, true);
    SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) INTO columns FROM pg_attribute
    WHERE attrelid = 'polis_rollup.rare'::regclass AND attnum > 0 AND NOT attisdropped;
    EXECUTE format('INSERT INTO polis_rollup.%I (%s) SELECT %s FROM stored_events WHERE tick BETWEEN %s AND %s AND is_rare(kind) '
                   'ORDER BY kind, tick, ordinal', 'rare_r' || of_run, columns, columns, first, last);
    EXECUTE format('INSERT INTO polis_rollup.%I SELECT %s, tick / 100 * 100, kind, count(*) FROM stored_events '
                   'WHERE tick BETWEEN %s AND %s GROUP BY 2, 3 ORDER BY 2, 3', 'activity_r' || of_run, of_run, first, last);
    EXECUTE format('INSERT INTO polis_rollup.%I SELECT %s, tick / 1000 * 1000, detail, cell, count(*) FROM stored_events '
                   'WHERE tick BETWEEN %s AND %s AND kind = 6 GROUP BY 2, 3, 4 ORDER BY 2, 3, 4',
                   'footsteps_r' || of_run, of_run, first, last);
    UPDATE polis_rollup.progress SET through = last, refreshed_at = now() WHERE run = of_run;
    RETURN last;
END $$;

-- Take samples in, end to end with those that are there: as many arrays as samples has columns behind the run.
CREATE FUNCTION add_samples(of_run int4, after_tick int4, through_tick int4, ticks int4[], agents int4[], cells int4[],
    energies int4[], satieties int4[], companies int4[], foods int4[], woods int4[], stones int4[], ores int4[],
    coins int4[], tools int4[]) RETURNS bool
LANGUAGE plpgsql SECURITY DEFINER SET search_path = polis, pg_temp AS $$
BEGIN
    UPDATE polis_rollup.progress SET sampled = through_tick, refreshed_at = now()
    WHERE run = of_run AND sampled = after_tick;
    IF NOT FOUND THEN RETURN false; END IF;  -- somebody else was faster
    INSERT INTO polis_rollup.samples
    SELECT of_run, * FROM unnest(ticks, agents, cells, energies, satieties, companies, foods, woods, stones, ores, coins, tools);
    RETURN true;
END $$;

-- Let the planner know what there is to read: a hot stretch has no statistics, nor has a new rollup.
CREATE FUNCTION gather_statistics(of_run int4) RETURNS int4
LANGUAGE plpgsql SECURITY DEFINER SET search_path = polis, pg_temp AS $$
DECLARE of_table text; done int4 := 0;
BEGIN
    FOR of_table IN
        SELECT format('%I.%I', s.schemaname, s.relname) FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid
        WHERE (s.schemaname = 'polis' AND s.relname IN (
                   SELECT x.leaf FROM stretches x JOIN lineage l ON l.source = x.run WHERE l.run = of_run
                   UNION ALL SELECT p || '_r' || l.source FROM lineage l, unnest(ARRAY['ticks', 'inputs', 'texts']) p WHERE l.run = of_run)
               OR s.schemaname = 'polis_rollup' AND s.relname ~ ('_r' || of_run || '$'))
          AND (c.reltuples < 0 OR s.n_mod_since_analyze > 10000 + 0.2 * c.reltuples)
    LOOP
        EXECUTE 'ANALYZE ' || of_table;
        done := done + 1;
    END LOOP;
    RETURN done;
END $$;

-- Forget what a run is rolled up into; it can be made anew. Called when a run is dropped, too.
CREATE FUNCTION drop_rollup() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = polis, pg_temp AS $$
DECLARE part text;
BEGIN
    FOREACH part IN ARRAY ARRAY['rare', 'activity', 'footsteps', 'samples'] LOOP
        EXECUTE format('DROP TABLE IF EXISTS polis_rollup.%I', part || '_r' || OLD.run);
    END LOOP;
    RETURN NULL;
END $$;
CREATE TRIGGER drop_rollup AFTER DELETE ON polis_rollup.progress FOR EACH ROW EXECUTE FUNCTION drop_rollup();

CREATE FUNCTION forget_rollup(of_run int4) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = polis, pg_temp
AS $$ DELETE FROM polis_rollup.progress WHERE run = of_run $$;

-- The same for all runs at once, from the events themselves.
CREATE VIEW activity AS
SELECT e.run, e.tick / 100 * 100 AS tick, k.name AS kind, count(*) AS events
FROM stored_events e JOIN event_kinds k ON k.number = e.kind GROUP BY e.run, e.tick / 100 * 100, k.name;

CREATE VIEW footsteps AS
SELECT e.run, e.tick / 1000 * 1000 AS tick, e.detail AS from_cell, e.cell, count(*) AS steps
FROM stored_events e WHERE e.kind = 6 GROUP BY e.run, e.tick / 1000 * 1000, e.detail, e.cell;

CREATE VIEW samples AS SELECT * FROM polis_rollup.samples;

GRANT USAGE ON SCHEMA polis_rollup TO polis_app, polis_read, polis_maintenance;
GRANT SELECT ON ALL TABLES IN SCHEMA polis_rollup TO polis_app, polis_read, polis_maintenance;
REVOKE ALL ON FUNCTION is_rare, rolled_through, still_rolled, open_rollup, roll_up, add_samples, gather_statistics, drop_rollup, forget_rollup
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION is_rare, rolled_through, still_rolled TO polis_app, polis_read, polis_maintenance;
GRANT EXECUTE ON FUNCTION open_rollup, roll_up, add_samples, gather_statistics, forget_rollup TO polis_app;
