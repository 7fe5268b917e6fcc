SET LOCAL search_path = polis;
-- The views of one run, its ancestors' share of its history included: schema `polis_run`, which shows the run that
-- the setting `polis.run` names. Analysts say `SET polis.run = 'brave-otter'` once, and need no WHERE run = … then.
CREATE SCHEMA polis_run;

-- These functions are called immutable and read a setting all the same, so that the planner knows their values: only
-- then does it leave other runs' partitions out of the plan, instead of opening and locking each of them. A plan that
-- was kept and is used after the setting changed is refused by still_scoped(), which looks when it runs.
CREATE FUNCTION scope() RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = polis, pg_temp
AS $$ SELECT current_setting('polis.run', true) $$;

CREATE FUNCTION still_scoped(planned text) RETURNS bool
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    IF planned IS DISTINCT FROM current_setting('polis.run', true) THEN
        RAISE EXCEPTION 'this query was prepared for run %, and polis.run says % now', planned, current_setting('polis.run', true)
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'DISCARD PLANS, or prepare it anew';
    END IF;
    RETURN true;
END $$;

-- The run that is looked at: by its name, else by its number. What is called within other functions is this, which
-- nobody may take for a constant: a function's own plans outlive a change of the setting.
CREATE FUNCTION chosen_run() RETURNS int4
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = polis, pg_temp AS $$
DECLARE wanted text := nullif(current_setting('polis.run', true), ''); found int4;
BEGIN
    IF wanted IS NULL THEN
        RAISE EXCEPTION 'the views of schema polis_run show one run, and none is chosen'
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'SET polis.run = ''its name''';
    END IF;
    SELECT run INTO found FROM runs WHERE name = wanted;
    IF found IS NULL AND wanted ~ '^[0-9]{1,9}$' THEN
        SELECT run INTO found FROM runs WHERE run = wanted::int4;
    END IF;
    IF found IS NULL THEN
        RAISE EXCEPTION 'there is no run %', wanted USING ERRCODE = 'no_data_found';
    END IF;
    RETURN found;
END $$;

CREATE FUNCTION current_run() RETURNS int4
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = polis, pg_temp
AS $$ BEGIN RETURN chosen_run(); END $$;

-- {run, first tick, last tick} of the ancestor so many generations up as far as the run reads it, as the view lineage has
-- it; NULL where there is none, which the planner knows to be no row at all. Generation 0 is the run itself.
CREATE FUNCTION ancestor(generation int4) RETURNS int4[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = polis, pg_temp AS $$
DECLARE at int4 := chosen_run(); above int4; first_tick int4; last_tick int4 := 2147483647; fork int4;
BEGIN
    FOR step IN 0 .. generation LOOP
        SELECT parent, fork_tick INTO above, fork FROM runs WHERE run = at;
        first_tick := coalesce(fork + 1, 0);
        IF step = generation THEN
            RETURN CASE WHEN first_tick - 1 <= last_tick THEN ARRAY[at, first_tick, last_tick] END;
        END IF;
        last_tick := least(last_tick, first_tick - 1);
        at := above;
        EXIT WHEN at IS NULL;
    END LOOP;
    RETURN NULL;
END $$;

-- Make every view of schema polis anew in polis_run, over that run alone. A migration that adds or changes a view calls
-- this afterwards. The tables come first; a view's text, read by the names of polis_run, then means that run.
CREATE FUNCTION make_run_views() RETURNS void
LANGUAGE plpgsql SET search_path = polis, pg_temp SET client_min_messages = warning AS $$
DECLARE
    generations CONSTANT int4 := 12;  -- of forks of forks that are pruned when planning; the rest are read by a join
    source record; leg text; legs text; columns text; within text; made text; known text; view_name text;
BEGIN
    FOR view_name IN SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'polis_run'::regnamespace AND c.relkind = 'v' LOOP
        EXECUTE format('DROP VIEW IF EXISTS polis_run.%I CASCADE', view_name);
    END LOOP;
    FOR source IN SELECT * FROM (VALUES
        ('stored_events', 't.tick >= %2$s AND t.tick <= %3$s'),
        ('ticks', 't.tick >= %2$s AND t.tick <= %3$s'),
        -- What a run waited for when it was forked is asked in the parent and taken by both.
        ('inputs', 't.asked_tick >= %2$s - 1 AND t.asked_tick <= %3$s'),
        ('texts', 'NOT EXISTS (SELECT FROM polis.texts nearer WHERE nearer.hash = t.hash AND nearer.run = ANY (%4$s))')
    ) AS s (name, within) LOOP
        SELECT string_agg(CASE WHEN attname = 'run' THEN 'polis.current_run() AS run' ELSE format('t.%I', attname) END, ', '
                          ORDER BY attnum)
        INTO columns FROM pg_attribute
        WHERE attrelid = format('polis.%I', source.name)::regclass AND attnum > 0 AND NOT attisdropped;
        legs := '';
        FOR generation IN 0 .. generations - 1 LOOP
            made := format('polis.ancestor(%s)', generation);
            -- Texts are kept once a run: one that a nearer generation has is that one's.
            known := (SELECT 'ARRAY[' || string_agg(format('(polis.ancestor(%s))[1]', g), ', ') || ']::int4[]'
                      FROM generate_series(0, generation - 1) g);
            within := format(source.within, '', format('(%s)[2]', made), format('(%s)[3]', made), coalesce(known, '''{}''::int4[]'));
            leg := format('SELECT %s FROM polis.%I t WHERE t.run = (%s)[1] AND %s AND polis.still_scoped(polis.scope())',
                          columns, source.name, made, within);
            legs := legs || CASE WHEN generation > 0 THEN ' UNION ALL ' ELSE '' END || leg;
        END LOOP;
        -- Older generations: no pruning, but right. Without them the first condition is known to be false.
        leg := format('SELECT %s FROM polis.lineage l JOIN polis.%I t ON t.run = l.source WHERE polis.ancestor(%s) IS NOT NULL '
                      'AND l.run = polis.current_run() AND l.tick_last < (polis.ancestor(%s))[2] AND %s',
                      columns, source.name, generations, generations - 1,
                      format(source.within, '', 'l.tick_first', 'l.tick_last', '''{}''::int4[]'));
        EXECUTE format('CREATE VIEW polis_run.%I AS %s UNION ALL %s', source.name, legs, leg);
    END LOOP;
    FOR source IN SELECT c.relname AS name FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'run'
                  WHERE c.relnamespace = 'polis'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
                  -- Blocks of measures are found by lineage, by the very view that reads them.
                  AND c.relname NOT IN ('stored_events', 'ticks', 'inputs', 'texts', 'snapshots', 'measure_blocks') LOOP
        EXECUTE format('CREATE VIEW polis_run.%I AS SELECT * FROM polis.%I WHERE run = polis.current_run() '
                       'AND polis.still_scoped(polis.scope())', source.name, source.name);
    END LOOP;
    -- What is rolled up, and the events after it.
    SELECT string_agg(CASE WHEN attname = 'run' THEN 'polis.current_run() AS run' ELSE format('t.%I', attname) END, ', '
                      ORDER BY attnum)
    INTO columns FROM pg_attribute
    WHERE attrelid = 'polis.stored_events'::regclass AND attnum > 0 AND NOT attisdropped;
    EXECUTE format('CREATE VIEW polis_run.rare_events AS SELECT %s FROM polis_rollup.rare t WHERE t.run = polis.current_run() '
                   'AND t.tick <= polis.rolled_through() AND polis.still_rolled(polis.rolled_through()) '
                   'AND polis.still_scoped(polis.scope()) UNION ALL SELECT %s '
                   'FROM polis_run.stored_events t WHERE t.tick > polis.rolled_through() AND polis.is_rare(t.kind)', columns, columns);
    FOR source IN SELECT c.relname AS name, c.oid, k.number AS kind FROM pg_class c
                  LEFT JOIN event_kinds k ON k.view = c.relname
                  WHERE c.relnamespace = 'polis'::regnamespace AND c.relkind = 'v' ORDER BY c.oid LOOP
        PERFORM set_config('search_path', 'polis, pg_temp', true);
        made := CASE source.name
            WHEN 'activity' THEN
                'SELECT a.run, a.tick, k.name AS kind, a.events FROM polis_rollup.activity a JOIN event_kinds k ON k.number = a.kind '
                'WHERE a.run = current_run() AND a.tick <= rolled_through() AND still_rolled(rolled_through()) '
                'AND still_scoped(scope()) UNION ALL '
                'SELECT e.run, e.tick / 100 * 100, k.name, count(*) FROM stored_events e JOIN event_kinds k ON k.number = e.kind '
                'WHERE e.tick > rolled_through() GROUP BY e.run, e.tick / 100 * 100, k.name'
            WHEN 'footsteps' THEN
                'SELECT f.run, f.tick, f.from_cell, f.cell, f.steps FROM polis_rollup.footsteps f '
                'WHERE f.run = current_run() AND f.tick <= rolled_through() AND still_rolled(rolled_through()) '
                'AND still_scoped(scope()) UNION ALL '
                'SELECT e.run, e.tick / 1000 * 1000, e.detail, e.cell, count(*) FROM stored_events e '
                'WHERE e.tick > rolled_through() AND e.kind = 6 GROUP BY e.run, e.tick / 1000 * 1000, e.detail, e.cell'
            WHEN 'lineage' THEN
                'SELECT * FROM polis.lineage WHERE run = current_run() AND still_scoped(scope())'
            WHEN 'samples' THEN
                'SELECT * FROM polis_rollup.samples WHERE run = current_run() AND still_scoped(scope())'
            ELSE pg_get_viewdef(source.oid)
        END;
        IF source.kind IS NOT NULL AND is_rare(source.kind) THEN
            made := regexp_replace(made, '\mstored_events\M', 'rare_events');
        END IF;
        PERFORM set_config('search_path', 'polis_run, polis, pg_temp', true);
        EXECUTE format('CREATE VIEW polis_run.%I AS %s', source.name, made);
        EXECUTE format('COMMENT ON VIEW polis_run.%I IS %L', source.name, obj_description(source.oid));
    END LOOP;
    PERFORM set_config('search_path', 'polis, pg_temp', true);
    FOR source IN SELECT c.relname AS name, obj_description(t.oid) AS meaning
                  FROM pg_class c JOIN pg_class t ON t.relname = c.relname AND t.relnamespace = 'polis'::regnamespace
                  WHERE c.relnamespace = 'polis_run'::regnamespace AND t.relkind <> 'v' LOOP
        EXECUTE format('COMMENT ON VIEW polis_run.%I IS %L', source.name, source.meaning);
    END LOOP;
    GRANT USAGE ON SCHEMA polis_run TO polis_app, polis_read, polis_maintenance;
    GRANT SELECT ON ALL TABLES IN SCHEMA polis_run TO polis_app, polis_read, polis_maintenance;
END $$;

REVOKE ALL ON FUNCTION scope, still_scoped, chosen_run, current_run, ancestor, make_run_views FROM PUBLIC;
GRANT EXECUTE ON FUNCTION scope, still_scoped, chosen_run, current_run, ancestor TO polis_app, polis_read, polis_maintenance;
