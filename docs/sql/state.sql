-- Position and goods of every living agent of a run at a tick, from its events alone.
-- :run and :tick are parameters; goods are in milli-units, coins in pieces.
WITH events_of AS (            -- a fork reads its parents' events up to where it left them
    SELECT source, tick_first, least(tick_last, :tick) AS tick_last FROM lineage WHERE run = :run
),
standing AS (                  -- where each agent was last seen
    SELECT DISTINCT ON (agent) agent, cell
    FROM events_of JOIN positions p ON p.run = source AND p.tick BETWEEN tick_first AND events_of.tick_last
    ORDER BY agent, tick DESC, ordinal DESC
),
holding AS (                   -- what each agent held of each good after the last event that changed it
    SELECT DISTINCT ON (agent, good) agent, good, holding
    FROM events_of JOIN holdings h ON h.run = source AND h.tick BETWEEN tick_first AND events_of.tick_last
    ORDER BY agent, good, tick DESC, ordinal DESC
),
dead AS (
    SELECT agent FROM events_of JOIN deaths d ON d.run = source AND d.tick BETWEEN tick_first AND events_of.tick_last
)
SELECT agent, cell,
       coalesce(max(holding) FILTER (WHERE good = 'food'), 0) AS food,
       coalesce(max(holding) FILTER (WHERE good = 'wood'), 0) AS wood,
       coalesce(max(holding) FILTER (WHERE good = 'stone'), 0) AS stone,
       coalesce(max(holding) FILTER (WHERE good = 'ore'), 0) AS ore,
       coalesce(max(holding) FILTER (WHERE good = 'coin'), 0) AS coin
FROM standing LEFT JOIN holding USING (agent)
WHERE agent NOT IN (SELECT agent FROM dead)
GROUP BY agent, cell
ORDER BY agent;
