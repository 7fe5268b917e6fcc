-- Are gifts returned?
-- Pairs in which something was given, by how often each side gave.
SELECT CASE WHEN forth > 0 AND back > 0 THEN 'both gave' ELSE 'one gave' END AS gifts,
       count(*) AS pairs, sum(forth + back) AS given, avg(strength) AS tie_afterwards
FROM (
    SELECT one, other, sum(forth) AS forth, sum(back) AS back, max(strength) AS strength
    FROM (
        SELECT least(agent, target) AS one, greatest(agent, target) AS other,
               CASE WHEN agent < target THEN 1 ELSE 0 END AS forth,
               CASE WHEN agent < target THEN 0 ELSE 1 END AS back, tie_strength AS strength
        FROM gifts
    ) each_gift
    GROUP BY one, other
) pairs
GROUP BY CASE WHEN forth > 0 AND back > 0 THEN 'both gave' ELSE 'one gave' END
ORDER BY 1;
