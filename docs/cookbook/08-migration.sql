-- Where do people move to?
-- Steps from one kind of country to another, of those that changed it.
SELECT f.biome AS out_of, t.biome AS towards, count(*) AS steps
FROM moves m
JOIN places f ON f.cell = m.from_cell
JOIN places t ON t.cell = m.cell
WHERE f.biome <> t.biome
GROUP BY f.biome, t.biome
ORDER BY steps DESC, out_of, towards;
