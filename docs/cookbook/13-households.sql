-- Which households grow rich, and how much of it did they inherit?
WITH newest AS (
    SELECT agent, holding, row_number() OVER (PARTITION BY agent ORDER BY tick DESC, ordinal DESC) AS place
    FROM holdings WHERE good = 'coin'
),
coins AS (
    SELECT agent, holding FROM newest WHERE place = 1
),
inherited AS (
    SELECT agent, sum(taken_quantity) AS coins FROM inheritances WHERE taken_good = 'coin' GROUP BY agent
)
SELECT a.household, min(f.name) AS founded_by, count(*) AS members_ever,
       sum(CASE WHEN a.died IS NULL THEN 1 ELSE 0 END) AS living,
       sum(CASE WHEN a.died IS NULL THEN c.holding ELSE 0 END) AS coins, coalesce(sum(i.coins), 0) AS coins_inherited
FROM agents a
JOIN agents f ON f.agent = a.household
LEFT JOIN coins c ON c.agent = a.agent
LEFT JOIN inherited i ON i.agent = a.agent
GROUP BY a.household
ORDER BY coins DESC, members_ever DESC, a.household
LIMIT 15;
