SET LOCAL search_path = polis;
-- One more rollup: how many events of a kind an agent had, in blocks of 1,000 ticks. "Who moves most?" would else read
-- every move. It follows `progress`, the row that says how far a run is rolled up, so that what rolls up stays as it is.
CREATE TABLE polis_rollup.agent_activity (run int4 NOT NULL, tick int4 NOT NULL, agent int4 NOT NULL, kind int2 NOT NULL,
                                          events int8 NOT NULL) PARTITION BY LIST (run);

CREATE FUNCTION follow_rollup() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = polis, pg_temp SET enable_nestloop = off AS $$
DECLARE part text := 'agent_activity_r' || coalesce(NEW.run, OLD.run);
BEGIN
    IF TG_OP = 'DELETE' THEN
        EXECUTE format('DROP TABLE IF EXISTS polis_rollup.%I', part);
    ELSIF TG_OP = 'INSERT' THEN
        EXECUTE format('CREATE TABLE polis_rollup.%I (LIKE polis_rollup.agent_activity INCLUDING STORAGE)', part);
        EXECUTE format('ALTER TABLE polis_rollup.agent_activity ATTACH PARTITION polis_rollup.%I FOR VALUES IN (%s)', part, NEW.run);
        EXECUTE format('GRANT SELECT ON polis_rollup.%I TO polis_app, polis_read, polis_maintenance', part);
        EXECUTE format('INSERT INTO polis_rollup.%I SELECT %s, a.tick, a.agent, a.kind, a.events FROM polis_rollup.agent_activity a '
                       'JOIN runs r ON r.parent = a.run WHERE r.run = %s AND a.tick <= %s', part, NEW.run, NEW.run, NEW.through);
    ELSE
        PERFORM set_config('polis.run', NEW.run::text, true);
        EXECUTE format('INSERT INTO polis_rollup.%I SELECT %s, tick / 1000 * 1000, agent, kind, count(*) FROM polis_run.stored_events '
                       'WHERE tick BETWEEN %s AND %s AND agent IS NOT NULL GROUP BY 2, 3, 4 ORDER BY 2, 3, 4',
                       part, NEW.run, OLD.through + 1, NEW.through);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER follow_rollup AFTER INSERT OR DELETE OR UPDATE OF through ON polis_rollup.progress
    FOR EACH ROW EXECUTE FUNCTION follow_rollup();

-- The same for all runs at once, from the events themselves.
CREATE VIEW agent_activity AS
SELECT e.run, e.tick / 1000 * 1000 AS tick, e.agent, k.name AS kind, count(*) AS events
FROM stored_events e JOIN event_kinds k ON k.number = e.kind WHERE e.agent IS NOT NULL
GROUP BY e.run, e.tick / 1000 * 1000, e.agent, k.name;
COMMENT ON VIEW agent_activity IS 'how many events of a kind an agent had in 1,000 ticks';
GRANT SELECT ON agent_activity TO polis_app, polis_read, polis_maintenance;

-- Views of one run are made as before, and then this one anew, over what is rolled up.
ALTER FUNCTION make_run_views RENAME TO make_run_views_0006;
CREATE FUNCTION make_run_views() RETURNS void
LANGUAGE plpgsql SET search_path = polis, pg_temp SET client_min_messages = warning AS $$
BEGIN
    PERFORM make_run_views_0006();
    PERFORM set_config('search_path', 'polis_run, polis, pg_temp', true);
    CREATE OR REPLACE VIEW polis_run.agent_activity AS
    SELECT a.run, a.tick, a.agent, k.name AS kind, a.events
    FROM polis_rollup.agent_activity a JOIN event_kinds k ON k.number = a.kind
    WHERE a.run = current_run() AND a.tick <= rolled_through() AND still_rolled(rolled_through()) AND still_scoped(scope())
    UNION ALL
    SELECT e.run, e.tick / 1000 * 1000, e.agent, k.name, count(*)
    FROM polis_run.stored_events e JOIN event_kinds k ON k.number = e.kind
    WHERE e.tick > rolled_through() AND e.agent IS NOT NULL GROUP BY e.run, e.tick / 1000 * 1000, e.agent, k.name;
END $$;
REVOKE ALL ON FUNCTION follow_rollup, make_run_views FROM PUBLIC;
GRANT SELECT ON polis_rollup.agent_activity TO polis_app, polis_read, polis_maintenance;

-- What is rolled up lacks it, and is made anew when somebody asks.
DELETE FROM polis_rollup.progress;
SELECT make_run_views();
