-- What does food cost, and how does that change?
-- Coins for a unit of food, the mean of the exchanges of every 100 ticks: a unit in each, so it is what was paid over
-- what was bought, too.
SELECT tick - tick % 100 AS tick, count(*) AS exchanges, avg(price) AS price, min(price) AS lowest, max(price) AS highest
FROM exchanges
WHERE priced = 'food'
GROUP BY tick - tick % 100
ORDER BY 1;
