-- Which friendships lasted longest?
-- From getting to know each other to the last thing that strengthened the tie.
WITH pairs AS (
    SELECT agent, target, min(tick) AS met, max(tick) AS last_strengthened, max(strength) AS strength,
           count(*) AS encounters
    FROM ties WHERE agent < target
    GROUP BY agent, target
)
SELECT a.name AS one, b.name AS other, p.met, p.last_strengthened, p.last_strengthened - p.met AS ticks, p.strength,
       p.encounters
FROM pairs p
JOIN agents a ON a.agent = p.agent
JOIN agents b ON b.agent = p.target
ORDER BY ticks DESC, encounters DESC, one, other
LIMIT 15;
