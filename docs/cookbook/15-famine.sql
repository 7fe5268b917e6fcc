-- When does hunger set in, and how many does it kill?
SELECT n.tick, n.satiety, n.starving, coalesce(d.deaths, 0) AS died_of_hunger
FROM (
    SELECT tick - tick % 50 AS tick, avg(satiety) AS satiety,
           avg(CASE WHEN satiety < 2000 THEN 1.0 ELSE 0.0 END) AS starving
    FROM events WHERE satiety IS NOT NULL
    GROUP BY tick - tick % 50
) n
LEFT JOIN (
    SELECT tick - tick % 50 AS tick, count(*) AS deaths FROM deaths WHERE because = 'hunger' GROUP BY tick - tick % 50
) d ON d.tick = n.tick
ORDER BY n.tick;
