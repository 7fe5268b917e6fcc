-- When does hunger set in, and how many does it kill?
-- The share of the living whose satiety is below 2,000 of 10,000, and those who died of hunger since the hundredth tick
-- before. The last row may be of fewer ticks, and where nobody lives any more there is only the number of the dead.
SELECT coalesce(s.tick, d.tick) AS tick, coalesce(s.people, 0) AS people, s.satiety, s.starving,
       coalesce(d.deaths, 0) AS died_of_hunger
FROM (
    SELECT tick, count(*) AS people, avg(satiety) AS satiety, avg(CASE WHEN satiety < 2000 THEN 1.0 ELSE 0.0 END) AS starving
    FROM samples GROUP BY tick
) s
FULL JOIN (
    SELECT tick + (100 - tick % 100) % 100 AS tick, count(*) AS deaths FROM deaths WHERE because = 'hunger'
    GROUP BY tick + (100 - tick % 100) % 100
) d ON d.tick = s.tick
ORDER BY coalesce(s.tick, d.tick);
