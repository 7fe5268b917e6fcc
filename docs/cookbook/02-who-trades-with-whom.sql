-- Who trades with whom, by occupation?
-- Every barter once, by who led to it and who agreed.
SELECT a.occupation AS proposed_by, b.occupation AS partner, count(*) AS exchanges,
       count(e.price) AS for_coins
FROM exchanges e
JOIN agents a ON a.agent = e.agent
JOIN agents b ON b.agent = e.partner
GROUP BY a.occupation, b.occupation
ORDER BY exchanges DESC, proposed_by, partner;
