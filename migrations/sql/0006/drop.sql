SET LOCAL search_path = polis;
DROP SCHEMA polis_run CASCADE;
DROP VIEW activity, footsteps, samples;
DROP SCHEMA polis_rollup CASCADE;
DROP FUNCTION is_rare, rolled_through, still_rolled, open_rollup, roll_up, add_samples, gather_statistics, drop_rollup, forget_rollup;
DROP VIEW agents, agent_history, exchanges, conversations, conversation_turns, ties, thoughts_answered, remembered, places,
    answers;
DROP FUNCTION make_run_views, ancestor, current_run, chosen_run, still_scoped, scope;

-- Views that got columns for what stands in a payload: CREATE OR REPLACE adds some, and takes none away.
DROP VIEW world_foundings, cells_formed, arrivals, utterances, births, thoughts, thoughts_refused, interventions,
    speeches, conversations_closed, pledges, pledges_kept, pledges_lapsed, news_heard, memories, memories_forgotten,
    reflections, scenario_changes, events, deliberations;

CREATE VIEW world_foundings AS
SELECT e.run, e.tick, e.ordinal,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal,
       convert_from(e.payload, 'UTF8')::jsonb AS payload
FROM stored_events e WHERE e.kind = 1;

CREATE VIEW cells_formed AS
SELECT e.run, e.tick, e.ordinal,
       e.cell AS cell,
       e.detail AS elevation,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal,
       convert_from(e.payload, 'UTF8')::jsonb AS payload
FROM stored_events e WHERE e.kind = 2;

CREATE VIEW arrivals AS
SELECT e.run, e.tick, e.ordinal,
       e.agent AS agent,
       e.cell AS cell,
       e.detail AS household,
       ((e.needs >> 32) & 65535)::int4 AS energy,
       ((e.needs >> 16) & 65535)::int4 AS satiety,
       (e.needs & 65535)::int4 AS company,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal,
       convert_from(e.payload, 'UTF8')::jsonb AS payload
FROM stored_events e WHERE e.kind = 3;

CREATE VIEW utterances AS
SELECT e.run, e.tick, e.ordinal,
       e.agent AS agent,
       e.target AS target,
       ((e.detail >> 16) & 65535)::int4 AS tie_slot,
       (e.detail & 65535)::int4 AS tie_strength,
       ((e.needs >> 32) & 65535)::int4 AS energy,
       ((e.needs >> 16) & 65535)::int4 AS satiety,
       (e.needs & 65535)::int4 AS company,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal,
       convert_from(e.payload, 'UTF8')::jsonb AS payload
FROM stored_events e WHERE e.kind = 13;

CREATE VIEW births AS
SELECT e.run, e.tick, e.ordinal,
       e.agent AS agent,
       e.target AS target,
       e.cell AS cell,
       e.detail AS household,
       (ARRAY['food', 'wood', 'stone', 'ore', 'coin', 'tool'])[((e.given >> 56) & 255)::int4 + 1] AS good,
       ((e.given >> 28) & 268435455)::int4 AS quantity,
       (e.given & 268435455)::int4 AS holding,
       ((e.needs >> 32) & 65535)::int4 AS energy,
       ((e.needs >> 16) & 65535)::int4 AS satiety,
       (e.needs & 65535)::int4 AS company,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal,
       convert_from(e.payload, 'UTF8')::jsonb AS payload
FROM stored_events e WHERE e.kind = 18;

CREATE VIEW thoughts AS
SELECT e.run, e.tick, e.ordinal,
       e.agent AS agent,
       (ARRAY['forage', 'cut_wood', 'quarry', 'mine', 'rest', 'socialise', 'explore', 'craft'])[e.detail + 1] AS intention,
       e.cell AS goal,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal,
       convert_from(e.payload, 'UTF8')::jsonb AS payload
FROM stored_events e WHERE e.kind = 22;

CREATE VIEW thoughts_refused AS
SELECT e.run, e.tick, e.ordinal,
       e.agent AS agent,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal,
       convert_from(e.payload, 'UTF8')::jsonb AS payload
FROM stored_events e WHERE e.kind = 23;

CREATE VIEW interventions AS
SELECT e.run, e.tick, e.ordinal,
       e.agent AS agent,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal,
       convert_from(e.payload, 'UTF8')::jsonb AS payload
FROM stored_events e WHERE e.kind = 24;

CREATE VIEW speeches AS
SELECT e.run, e.tick, e.ordinal,
       e.agent AS agent,
       e.target AS target,
       ((e.detail >> 16) & 65535)::int4 AS tie_slot,
       (e.detail & 65535)::int4 AS tie_strength,
       ((e.needs >> 32) & 65535)::int4 AS energy,
       ((e.needs >> 16) & 65535)::int4 AS satiety,
       (e.needs & 65535)::int4 AS company,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal,
       convert_from(e.payload, 'UTF8')::jsonb AS payload
FROM stored_events e WHERE e.kind = 25;

CREATE VIEW conversations_closed AS
SELECT e.run, e.tick, e.ordinal,
       e.agent AS agent,
       e.target AS target,
       (ARRAY['silence', 'distance', 'length', 'death', 'means', 'left'])[e.detail + 1] AS because,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal,
       convert_from(e.payload, 'UTF8')::jsonb AS payload
FROM stored_events e WHERE e.kind = 26;

CREATE VIEW pledges AS
SELECT e.run, e.tick, e.ordinal,
       e.agent AS agent,
       e.target AS target,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal,
       convert_from(e.payload, 'UTF8')::jsonb AS payload
FROM stored_events e WHERE e.kind = 27;

CREATE VIEW pledges_kept AS
SELECT e.run, e.tick, e.ordinal,
       e.agent AS agent,
       e.target AS target,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal,
       convert_from(e.payload, 'UTF8')::jsonb AS payload
FROM stored_events e WHERE e.kind = 28;

CREATE VIEW pledges_lapsed AS
SELECT e.run, e.tick, e.ordinal,
       e.agent AS agent,
       e.target AS target,
       (ARRAY['silence', 'distance', 'length', 'death', 'means', 'left'])[e.detail + 1] AS because,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal,
       convert_from(e.payload, 'UTF8')::jsonb AS payload
FROM stored_events e WHERE e.kind = 29;

CREATE VIEW news_heard AS
SELECT e.run, e.tick, e.ordinal,
       e.agent AS agent,
       e.target AS target,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal,
       convert_from(e.payload, 'UTF8')::jsonb AS payload
FROM stored_events e WHERE e.kind = 30;

CREATE VIEW memories AS
SELECT e.run, e.tick, e.ordinal,
       e.agent AS agent,
       (ARRAY['observation', 'conversation', 'reflection', 'plan'])[((e.detail >> 16) & 65535)::int4 + 1] AS memory_kind,
       (e.detail & 65535)::int4 AS importance,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal,
       convert_from(e.payload, 'UTF8')::jsonb AS payload
FROM stored_events e WHERE e.kind = 31;

CREATE VIEW memories_forgotten AS
SELECT e.run, e.tick, e.ordinal,
       e.agent AS agent,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal,
       convert_from(e.payload, 'UTF8')::jsonb AS payload
FROM stored_events e WHERE e.kind = 32;

CREATE VIEW reflections AS
SELECT e.run, e.tick, e.ordinal,
       e.agent AS agent,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal,
       convert_from(e.payload, 'UTF8')::jsonb AS payload
FROM stored_events e WHERE e.kind = 33;

CREATE VIEW scenario_changes AS
SELECT e.run, e.tick, e.ordinal,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal,
       convert_from(e.payload, 'UTF8')::jsonb AS payload
FROM stored_events e WHERE e.kind = 34;

CREATE VIEW events AS
SELECT e.run, e.tick, e.ordinal, k.name AS kind, e.agent, e.target, e.cell, e.detail,
       (ARRAY['food', 'wood', 'stone', 'ore', 'coin', 'tool'])[(e.given >> 56) + 1] AS given_good,
       ((e.given >> 28) & 268435455)::int4 AS given_quantity, (e.given & 268435455)::int4 AS given_holding,
       (ARRAY['food', 'wood', 'stone', 'ore', 'coin', 'tool'])[(e.taken >> 56) + 1] AS taken_good,
       ((e.taken >> 28) & 268435455)::int4 AS taken_quantity, (e.taken & 268435455)::int4 AS taken_holding,
       ((e.needs >> 32) & 65535)::int4 AS energy, ((e.needs >> 16) & 65535)::int4 AS satiety,
       (e.needs & 65535)::int4 AS company,
       (e.cause >> 32)::int4 AS cause_tick, (e.cause & 4294967295)::int4 AS cause_ordinal,
       convert_from(e.payload, 'UTF8')::jsonb AS payload
FROM stored_events e JOIN event_kinds k ON k.number = e.kind;

CREATE VIEW deliberations AS
SELECT i.run, i.asked_tick, i.effect_tick, i.agent, i.purpose, i.call, convert_from(i.answer, 'UTF8')::jsonb AS answer,
       i.engine, i.adapter, i.template, i.latency_ms, i.tokens_in, i.tokens_out, i.attempts, i.retrieved,
       p.body AS prompt, r.body AS raw, i.reused_from, i.recorded_at
FROM inputs i
LEFT JOIN texts p ON p.run = i.run AND p.hash = i.prompt
LEFT JOIN texts r ON r.run = i.run AND r.hash = i.raw
WHERE i.purpose <> 'intervention';

DO $$
DECLARE object record;
BEGIN
    FOR object IN SELECT oid::regclass AS name, CASE relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END AS kind FROM pg_class
                  WHERE relnamespace = 'polis'::regnamespace AND relkind IN ('r', 'p', 'v') AND NOT relispartition LOOP
        EXECUTE format('COMMENT ON %s %s IS NULL', object.kind, object.name);
        IF object.kind = 'VIEW' THEN
            EXECUTE format('GRANT SELECT ON %s TO polis_app, polis_read, polis_maintenance', object.name);
        END IF;
    END LOOP;
END $$;

DO $$
BEGIN
    GRANT EXECUTE ON FUNCTION pg_catalog.lo_creat(int4), pg_catalog.lo_create(oid), pg_catalog.lo_from_bytea(oid, bytea)
        TO PUBLIC;
EXCEPTION WHEN insufficient_privilege THEN NULL;
END $$;
DO $$
DECLARE setting text;
BEGIN
    FOREACH setting IN ARRAY ARRAY['default_transaction_read_only', 'statement_timeout', 'idle_in_transaction_session_timeout',
                                   'client_connection_check_interval', 'temp_file_limit'] LOOP
        BEGIN
            EXECUTE format('ALTER ROLE polis_read IN DATABASE %I RESET %s', current_database(), setting);
        EXCEPTION WHEN insufficient_privilege THEN NULL;
        END;
    END LOOP;
END $$;
