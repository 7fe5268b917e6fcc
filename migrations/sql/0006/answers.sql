SET LOCAL search_path = polis;
-- What each answer of a mind cost and who gave it, without its texts.
CREATE VIEW answers AS
SELECT run, asked_tick, effect_tick, agent, purpose, call, engine, adapter, latency_ms, tokens_in, tokens_out, attempts,
       reused_from, encode(prompt, 'hex') AS prompt_hash, encode(raw, 'hex') AS raw_hash
FROM inputs WHERE purpose <> 'intervention';

-- The same and the texts.
CREATE OR REPLACE VIEW deliberations AS
SELECT i.run, i.asked_tick, i.effect_tick, i.agent, i.purpose, i.call, convert_from(i.answer, 'UTF8')::jsonb AS answer,
       i.engine, i.adapter, i.template, i.latency_ms, i.tokens_in, i.tokens_out, i.attempts, i.retrieved,
       p.body AS prompt, r.body AS raw, i.reused_from, i.recorded_at, encode(i.prompt, 'hex') AS prompt_hash
FROM inputs i
LEFT JOIN texts p ON p.run = i.run AND p.hash = i.prompt
LEFT JOIN texts r ON r.run = i.run AND r.hash = i.raw
WHERE i.purpose <> 'intervention';
