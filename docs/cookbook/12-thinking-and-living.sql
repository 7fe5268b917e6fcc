-- Do those who think more live longer?
-- Those who were born here and died, by how many thoughts they had in 100 ticks of life: who lives longer also gets to
-- think more often in all, so it is the pace of thinking that is compared. Founders are left out, since they had lived
-- a part of their lives, and thought of nothing, before tick 0; so is who lives still.
SELECT pace, count(*) AS people, avg(age) AS age, avg(thoughts) AS thoughts,
       avg(CASE WHEN because = 'hunger' THEN 1.0 ELSE 0.0 END) AS died_of_hunger
FROM (
    SELECT a.agent, a.because, a.died - a.born AS age, coalesce(t.thoughts, 0) AS thoughts,
           CASE WHEN coalesce(t.thoughts, 0) = 0 THEN '0 never'
                WHEN 100.0 * t.thoughts / (a.died - a.born) < 1 THEN '1 less than once'
                WHEN 100.0 * t.thoughts / (a.died - a.born) < 2 THEN '2 less than twice'
                ELSE '3 more' END AS pace
    FROM agents a
    LEFT JOIN (
        SELECT agent, count(*) AS thoughts FROM thoughts_answered WHERE outcome = 'taken' GROUP BY agent
    ) t ON t.agent = a.agent
    WHERE a.born = a.arrived AND a.died > a.born
) lives
GROUP BY pace
ORDER BY pace;
