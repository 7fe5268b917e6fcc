-- What do thoughts cost, by what made people think?
SELECT reason, outcome, count(*) AS thoughts, avg(latency_ms) AS latency_ms,
       percentile_cont(0.95) WITHIN GROUP (ORDER BY latency_ms) AS latency_ms_p95,
       sum(tokens_in) AS tokens_in, sum(tokens_out) AS tokens_out, count(DISTINCT prompt_hash) AS prompts
FROM thoughts_answered
GROUP BY reason, outcome
ORDER BY thoughts DESC, reason, outcome;
