-- Which places are the busiest?
SELECT p.cell, p.x, p.y, p.biome, f.steps
FROM (SELECT cell, sum(steps) AS steps FROM footsteps GROUP BY cell) f
JOIN places p ON p.cell = f.cell
ORDER BY f.steps DESC, p.cell
LIMIT 100;
