-- Who trades with whom, by occupation?
SELECT a.occupation AS buyer_or_seller, b.occupation AS partner, count(*) AS exchanges,
       count(e.price) AS for_coins
FROM exchanges e
JOIN agents a ON a.agent = e.agent
JOIN agents b ON b.agent = e.partner
GROUP BY a.occupation, b.occupation
ORDER BY exchanges DESC, buyer_or_seller, partner;
