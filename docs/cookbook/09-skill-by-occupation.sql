-- How much do people of each occupation learn as they grow older?
-- The level that their lessons led to, in thousandths, by age in ticks. Founders arrive with skills of their own.
SELECT l.tick - a.born - (l.tick - a.born) % 200 AS age_from, a.occupation, count(*) AS lessons,
       count(DISTINCT a.agent) AS people, avg(l.level) AS level
FROM lessons l JOIN agents a ON a.agent = l.agent
WHERE (a.occupation = 'farmer' AND l.skill = 'farming') OR (a.occupation = 'woodcutter' AND l.skill = 'forestry')
   OR (a.occupation = 'mason' AND l.skill = 'masonry') OR (a.occupation = 'miner' AND l.skill = 'mining')
GROUP BY l.tick - a.born - (l.tick - a.born) % 200, a.occupation
ORDER BY 1, 2;
