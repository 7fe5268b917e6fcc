-- Which friendships lasted longest?
-- From getting to know each other to the last thing that strengthened the tie.
SELECT a.name AS one, b.name AS other, min(t.tick) AS met, max(t.tick) AS last_strengthened,
       max(t.tick) - min(t.tick) AS ticks, max(t.strength) AS strength, count(*) AS encounters
FROM ties t
JOIN agents a ON a.agent = t.agent
JOIN agents b ON b.agent = t.target
WHERE t.agent < t.target
GROUP BY a.agent, a.name, b.agent, b.name
ORDER BY ticks DESC, encounters DESC, one, other
LIMIT 15;
