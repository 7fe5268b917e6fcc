-- What do people die of, and at what age?
SELECT because, age - age % 100 AS age_from, count(*) AS deaths
FROM (SELECT because, died - born AS age FROM agents WHERE died IS NOT NULL) dead
GROUP BY because, age - age % 100
ORDER BY because, age_from;
