-- Do those who think more live longer?
-- Those who died, by how many thoughts they had in 100 ticks of life. Who lives longer also gets to think more often in
-- all, so it is the pace of thinking that is compared.
SELECT pace, count(*) AS people, avg(age) AS age, avg(thoughts) AS thoughts,
       avg(CASE WHEN because = 'hunger' THEN 1.0 ELSE 0.0 END) AS died_of_hunger
FROM (
    SELECT a.agent, a.because, a.died - a.arrived AS age, coalesce(t.thoughts, 0) AS thoughts,
           CASE WHEN coalesce(t.thoughts, 0) = 0 THEN '0 never'
                WHEN 100.0 * t.thoughts / (a.died - a.arrived) < 1 THEN '1 less than once'
                WHEN 100.0 * t.thoughts / (a.died - a.arrived) < 2 THEN '2 once or twice'
                ELSE '3 more' END AS pace
    FROM agents a
    LEFT JOIN (
        SELECT agent, count(*) AS thoughts FROM thoughts_answered WHERE outcome = 'taken' GROUP BY agent
    ) t ON t.agent = a.agent
    WHERE a.died > a.arrived
) lives
GROUP BY pace
ORDER BY pace;
