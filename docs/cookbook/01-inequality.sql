-- How unequal are coins, and how does that change?
-- The Gini coefficient of the living every 100 ticks: 0 if all have the same, nearly 1 if one has everything.
SELECT tick, count(*) AS people, sum(coin) AS coins,
       (2.0 * sum(place * coin) - (count(*) + 1) * sum(coin)) / (count(*) * sum(coin)) AS gini
FROM (
    SELECT tick, coin, row_number() OVER (PARTITION BY tick ORDER BY coin, agent) AS place FROM samples
) standing
GROUP BY tick
HAVING sum(coin) > 0
ORDER BY tick;
