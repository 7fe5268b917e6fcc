-- How does a rumour spread?
-- The news that most people heard: who told whom, and how many mouths it had been through.
WITH RECURSIVE widest AS (
    SELECT news FROM news_heard GROUP BY news ORDER BY count(DISTINCT agent) DESC, news LIMIT 1
),
heard AS (
    SELECT n.tick, n.ordinal, n.agent, n.target AS teller, n.text
    FROM news_heard n JOIN widest w ON w.news = n.news
),
chain AS (
    SELECT tick, ordinal, agent, teller, text, 0 AS mouths FROM heard WHERE teller IS NULL
    UNION ALL
    SELECT h.tick, h.ordinal, h.agent, h.teller, h.text, c.mouths + 1
    FROM chain c JOIN heard h ON h.teller = c.agent AND h.tick >= c.tick
)
SELECT c.tick, c.mouths, t.name AS told_by, a.name AS heard_by, c.text
FROM chain c
JOIN agents a ON a.agent = c.agent
LEFT JOIN agents t ON t.agent = c.teller
ORDER BY c.tick, c.ordinal, c.mouths;
