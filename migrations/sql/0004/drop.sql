SET LOCAL search_path = polis;
DO $$
BEGIN
    IF EXISTS (SELECT FROM stored_events WHERE kind > 33) THEN
        RAISE EXCEPTION 'there are forks that changed something, which the schema before knows nothing of'
            USING HINT = 'drop each of them with polis.drop_run(run, reason) first';
    END IF;
END $$;
DROP VIEW scenario_changes, stock_changes;
DELETE FROM event_kinds WHERE number > 33;
CREATE OR REPLACE VIEW deaths AS
SELECT e.run, e.tick, e.ordinal,
       e.agent AS agent,
       e.target AS target,
       e.cell AS cell,
       (ARRAY['hunger', 'old_age'])[e.detail] AS because,
       ((e.needs >> 32) & 65535)::int4 AS energy,
       ((e.needs >> 16) & 65535)::int4 AS satiety,
       (e.needs & 65535)::int4 AS company,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal
FROM stored_events e WHERE e.kind = 19;
CREATE OR REPLACE VIEW lineage AS
WITH RECURSIVE up AS (
    SELECT run, run AS source, parent, coalesce(fork_tick + 1, 0) AS tick_first, 2147483647 AS tick_last FROM runs
    UNION ALL
    SELECT up.run, r.run, r.parent, coalesce(r.fork_tick + 1, 0), least(up.tick_first - 1, up.tick_last)
    FROM up JOIN runs r ON r.run = up.parent
)
SELECT run, source, tick_first, tick_last FROM up WHERE tick_first <= tick_last;
