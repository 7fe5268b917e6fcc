-- Which households grow rich, and how much of it did they inherit?
SELECT a.household, min(f.name) AS founded_by, count(*) AS members_ever, count(s.agent) AS living,
       coalesce(sum(s.coin), 0) AS coins, coalesce(sum(i.coins), 0) AS coins_inherited
FROM agents a
JOIN agents f ON f.agent = a.household
LEFT JOIN (SELECT agent, coin FROM samples WHERE tick = (SELECT max(tick) FROM samples)) s ON s.agent = a.agent
LEFT JOIN (
    SELECT agent, sum(taken_quantity) AS coins FROM inheritances WHERE taken_good = 'coin' GROUP BY agent
) i ON i.agent = a.agent
GROUP BY a.household
ORDER BY coins DESC, members_ever DESC, a.household
LIMIT 15;
