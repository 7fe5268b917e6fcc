SET LOCAL search_path = polis;
-- Forks and interventions: a view for each of their kinds of event, and whose inputs a fork of a fork reads.

INSERT INTO event_kinds VALUES
    (34, 'ScenarioChanged', 'scenario_changes', 1,
     'A fork goes on under other constants, or with other chances, than its parent; the first event of its own.'),
    (35, 'StockChanged', 'stock_changes', 1,
     'What a cell holds of a resource, or how that grows, was changed from outside.');

-- ScenarioChanged: A fork goes on under other constants, or with other chances, than its parent; the first event of its own.
CREATE VIEW scenario_changes AS
SELECT e.run, e.tick, e.ordinal,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal,
       convert_from(e.payload, 'UTF8')::jsonb AS payload
FROM stored_events e WHERE e.kind = 34;

-- StockChanged: What a cell holds of a resource, or how that grows, was changed from outside.
CREATE VIEW stock_changes AS
SELECT e.run, e.tick, e.ordinal,
       e.cell AS cell,
       (ARRAY['food', 'wood', 'stone', 'ore', 'coin', 'tool'])[e.target + 1] AS good,
       e.detail AS stock,
       e.needs AS regrowth,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal
FROM stored_events e WHERE e.kind = 35;

-- AgentDied: An agent died; what it held passed to its heir. An intervention can take an agent away, too.
CREATE OR REPLACE VIEW deaths AS
SELECT e.run, e.tick, e.ordinal,
       e.agent AS agent,
       e.target AS target,
       e.cell AS cell,
       (ARRAY['hunger', 'old_age', 'removed'])[e.detail] AS because,
       ((e.needs >> 32) & 65535)::int4 AS energy,
       ((e.needs >> 16) & 65535)::int4 AS satiety,
       (e.needs & 65535)::int4 AS company,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal
FROM stored_events e WHERE e.kind = 19;

-- Whose events a run reads, and for which ticks: its own, and its ancestors' up to the fork. A fork that was left at
-- the very tick at which it began has no tick in it, and still a row: what was asked of it at that tick is read too.
CREATE OR REPLACE VIEW lineage AS
WITH RECURSIVE up AS (
    SELECT run, run AS source, parent, coalesce(fork_tick + 1, 0) AS tick_first, 2147483647 AS tick_last FROM runs
    UNION ALL
    SELECT up.run, r.run, r.parent, coalesce(r.fork_tick + 1, 0), least(up.tick_first - 1, up.tick_last)
    FROM up JOIN runs r ON r.run = up.parent
)
SELECT run, source, tick_first, tick_last FROM up WHERE tick_first - 1 <= tick_last;
