-- Which households are rich, and what did others leave them?
-- Coins of those who lived at the last hundredth tick, and what all who ever belonged to the household had inherited
-- from outside it by then.
SELECT a.household, min(f.name) AS founded_by, count(*) AS members_ever, count(s.agent) AS living,
       coalesce(sum(s.coin), 0) AS coins, coalesce(sum(i.coins), 0) AS coins_inherited
FROM agents a
JOIN agents f ON f.agent = a.household
JOIN (SELECT max(tick) - max(tick) % 100 AS tick FROM ticks) l ON a.arrived <= l.tick
LEFT JOIN samples s ON s.tick = l.tick AND s.agent = a.agent
LEFT JOIN (
    SELECT i.agent, sum(i.taken_quantity) AS coins
    FROM inheritances i
    JOIN agents heir ON heir.agent = i.agent
    JOIN agents dead ON dead.agent = i.target
    WHERE i.taken_good = 'coin' AND heir.household <> dead.household
      AND i.tick <= (SELECT max(tick) - max(tick) % 100 FROM ticks)
    GROUP BY i.agent
) i ON i.agent = a.agent
GROUP BY a.household
ORDER BY coins DESC, members_ever DESC, a.household
LIMIT 15;
