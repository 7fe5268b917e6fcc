-- What did minds change: what would the rules have done instead?
SELECT instead_of AS rules_would, intention AS mind_chose, count(*) AS times
FROM thoughts_answered
WHERE changed
GROUP BY instead_of, intention
ORDER BY times DESC, rules_would, mind_chose;
