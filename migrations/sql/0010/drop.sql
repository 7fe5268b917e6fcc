SET LOCAL search_path = polis;
CREATE OR REPLACE VIEW thoughts_answered AS
SELECT t.run, t.tick, t.ordinal, t.agent, t.outcome, t.purpose, t.asked, r.reason, t.intention, t.instead_of,
       t.outcome = 'taken' AND t.intention <> t.instead_of AS changed, t.because,
       a.engine, a.adapter, a.latency_ms, a.tokens_in, a.tokens_out, a.attempts, a.reused_from, a.prompt_hash
FROM (
    SELECT run, tick, ordinal, agent, 'taken' AS outcome, purpose, asked, call, intention, instead_of,
           CAST(NULL AS TEXT) AS because
    FROM thoughts
    UNION ALL
    SELECT run, tick, ordinal, agent, 'refused', purpose, asked, call, CAST(NULL AS TEXT), CAST(NULL AS TEXT), because
    FROM thoughts_refused
    UNION ALL
    SELECT run, tick, ordinal, agent, 'reflected', purpose, asked, call, CAST(NULL AS TEXT), CAST(NULL AS TEXT),
           CAST(NULL AS TEXT)
    FROM reflections
) t
LEFT JOIN thoughts_requested r ON r.run = t.run AND r.agent = t.agent AND r.tick = t.asked
LEFT JOIN answers a ON a.run = t.run AND a.asked_tick = t.asked AND a.agent = t.agent AND a.purpose = t.purpose
    AND a.call = t.call;

SELECT make_run_views();
