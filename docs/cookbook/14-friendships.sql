-- Which friendships lasted longest?
-- From getting to know each other to the last thing that strengthened the tie on either side: who speaks strengthens
-- its own alone.
WITH pairs AS (
    SELECT least(agent, target) AS one, greatest(agent, target) AS other, min(tick) AS met, max(tick) AS last_strengthened,
           max(strength) AS strength, count(DISTINCT tick) AS encounters
    FROM ties
    GROUP BY least(agent, target), greatest(agent, target)
)
SELECT a.name AS one, b.name AS other, p.met, p.last_strengthened, p.last_strengthened - p.met AS ticks, p.strength,
       p.encounters
FROM pairs p
JOIN agents a ON a.agent = p.one
JOIN agents b ON b.agent = p.other
ORDER BY ticks DESC, encounters DESC, a.name, b.name
LIMIT 15;
