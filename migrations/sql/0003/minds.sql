SET LOCAL search_path = polis;
-- Area hash of what agents have in mind; 0 in a society without minds.
ALTER TABLE ticks ADD COLUMN area_minds int8 NOT NULL DEFAULT 0;

-- Beside an answer: the very prompt and the very words that came back (both in `texts`), who was asked for them.
ALTER TABLE inputs ADD COLUMN prompt bytea;      -- SHA-256 of the prompt, a key of `texts`
ALTER TABLE inputs ADD COLUMN raw bytea;         -- SHA-256 of what the engine said, a key of `texts`
ALTER TABLE inputs ADD COLUMN template text;     -- SHA-256 of the prompt's template
ALTER TABLE inputs ADD COLUMN adapter text;      -- name and hash of the adapter that answered, if one did
ALTER TABLE inputs ADD COLUMN reused_from int4;  -- run in which this answer was first recorded

-- An answer is found again by the past that it was asked in.
CREATE INDEX inputs_by_chain ON inputs (asked_chain, agent, purpose, call);

-- Each thought with its prompt, its answer and what it cost.
CREATE VIEW deliberations AS
SELECT i.run, i.asked_tick, i.effect_tick, i.agent, i.purpose, i.call, convert_from(i.answer, 'UTF8')::jsonb AS answer,
       i.engine, i.adapter, i.template, i.latency_ms, i.tokens_in, i.tokens_out, i.attempts, i.retrieved,
       p.body AS prompt, r.body AS raw, i.reused_from, i.recorded_at
FROM inputs i
LEFT JOIN texts p ON p.run = i.run AND p.hash = i.prompt
LEFT JOIN texts r ON r.run = i.run AND r.hash = i.raw
WHERE i.purpose <> 'intervention';
