-- How unequal are coins, and how does that change?
-- The Gini coefficient of the living every 100 ticks: 0 is all alike, 1 is one has all.
WITH held AS (          -- what each agent held of coins, from which tick until before which
    SELECT agent, holding, tick AS since,
           lead(tick) OVER (PARTITION BY agent ORDER BY tick) AS until
    FROM (
        SELECT agent, tick, holding, row_number() OVER (PARTITION BY agent, tick ORDER BY ordinal DESC) AS newest
        FROM holdings WHERE good = 'coin'
    ) changes
    WHERE newest = 1
),
moments AS (
    SELECT tick FROM ticks WHERE tick % 100 = 0
),
standing AS (
    SELECT m.tick, h.holding,
           row_number() OVER (PARTITION BY m.tick ORDER BY h.holding, h.agent) AS place
    FROM moments m
    JOIN held h ON h.since <= m.tick AND (h.until IS NULL OR h.until > m.tick)
    JOIN agents a ON a.agent = h.agent AND (a.died IS NULL OR a.died > m.tick)
)
SELECT tick, count(*) AS people, sum(holding) AS coins,
       (2.0 * sum(place * holding) - (count(*) + 1) * sum(holding)) / (count(*) * sum(holding)) AS gini
FROM standing
GROUP BY tick
HAVING sum(holding) > 0
ORDER BY tick;
