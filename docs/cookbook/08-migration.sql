-- Where do people move to?
-- Steps out of one kind of country into another, and how many more went there than came back.
WITH flows AS (
    SELECT f.biome AS out_of, t.biome AS towards, sum(s.steps) AS steps
    FROM footsteps s
    JOIN places f ON f.cell = s.from_cell
    JOIN places t ON t.cell = s.cell
    WHERE f.biome <> t.biome
    GROUP BY f.biome, t.biome
)
SELECT a.out_of, a.towards, a.steps, a.steps - coalesce(b.steps, 0) AS more_than_back
FROM flows a LEFT JOIN flows b ON b.out_of = a.towards AND b.towards = a.out_of
ORDER BY a.steps DESC, a.out_of, a.towards;
