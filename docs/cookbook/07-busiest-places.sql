-- Which places are the busiest?
SELECT p.cell, p.x, p.y, p.biome, count(*) AS steps_onto, count(DISTINCT m.agent) AS people
FROM moves m JOIN places p ON p.cell = m.cell
GROUP BY p.cell, p.x, p.y, p.biome
ORDER BY steps_onto DESC, p.cell
LIMIT 20;
