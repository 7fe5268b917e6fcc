-- How fast do people of each occupation learn?
-- Lessons of every 200 ticks, and the mean level that they led to, in thousandths.
SELECT l.tick - l.tick % 200 AS tick, a.occupation, l.skill, count(*) AS lessons, avg(l.level) AS level
FROM lessons l JOIN agents a ON a.agent = l.agent
WHERE (a.occupation = 'farmer' AND l.skill = 'farming') OR (a.occupation = 'woodcutter' AND l.skill = 'forestry')
   OR (a.occupation = 'mason' AND l.skill = 'masonry') OR (a.occupation = 'miner' AND l.skill = 'mining')
GROUP BY l.tick - l.tick % 200, a.occupation, l.skill
ORDER BY 1, 2;
