SET LOCAL search_path = polis;
-- What stands in a payload becomes columns beside it, typed and by the key's own name: SQL should not have to unpack JSON.

-- WorldFounded: The grid was laid out.
CREATE OR REPLACE VIEW world_foundings AS
SELECT e.run, e.tick, e.ordinal,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal,
       convert_from(e.payload, 'UTF8')::jsonb AS payload,
       (convert_from(e.payload, 'UTF8')::jsonb ->> 'width')::int4 AS width,
       (convert_from(e.payload, 'UTF8')::jsonb ->> 'height')::int4 AS height,
       (convert_from(e.payload, 'UTF8')::jsonb ->> 'minds')::bool AS minds
FROM stored_events e WHERE e.kind = 1;

-- CellFormed: A cell of the terrain came to be, with its stocks.
CREATE OR REPLACE VIEW cells_formed AS
SELECT e.run, e.tick, e.ordinal,
       e.cell AS cell,
       e.detail AS elevation,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal,
       convert_from(e.payload, 'UTF8')::jsonb AS payload,
       convert_from(e.payload, 'UTF8')::jsonb ->> 'biome' AS biome,
       translate(convert_from(e.payload, 'UTF8')::jsonb ->> 'capacity', '[]', '{}')::int4[] AS capacity,
       translate(convert_from(e.payload, 'UTF8')::jsonb ->> 'regrowth', '[]', '{}')::int4[] AS regrowth,
       translate(convert_from(e.payload, 'UTF8')::jsonb ->> 'stock', '[]', '{}')::int4[] AS stock
FROM stored_events e WHERE e.kind = 2;

-- AgentJoined: A founder arrived in the world.
CREATE OR REPLACE VIEW arrivals AS
SELECT e.run, e.tick, e.ordinal,
       e.agent AS agent,
       e.cell AS cell,
       e.detail AS household,
       ((e.needs >> 32) & 65535)::int4 AS energy,
       ((e.needs >> 16) & 65535)::int4 AS satiety,
       (e.needs & 65535)::int4 AS company,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal,
       convert_from(e.payload, 'UTF8')::jsonb AS payload,
       convert_from(e.payload, 'UTF8')::jsonb ->> 'name' AS name,
       (convert_from(e.payload, 'UTF8')::jsonb ->> 'given')::int4 AS given,
       (convert_from(e.payload, 'UTF8')::jsonb ->> 'family')::int4 AS family,
       convert_from(e.payload, 'UTF8')::jsonb ->> 'occupation' AS occupation,
       (convert_from(e.payload, 'UTF8')::jsonb ->> 'born')::int4 AS born,
       (convert_from(e.payload, 'UTF8')::jsonb ->> 'lifespan')::int4 AS lifespan,
       translate(convert_from(e.payload, 'UTF8')::jsonb ->> 'traits', '[]', '{}')::int4[] AS traits,
       translate(convert_from(e.payload, 'UTF8')::jsonb ->> 'skills', '[]', '{}')::int4[] AS skills
FROM stored_events e WHERE e.kind = 3;

-- WordsSpoken: An agent said something to another.
CREATE OR REPLACE VIEW utterances AS
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
       convert_from(e.payload, 'UTF8')::jsonb AS payload,
       convert_from(e.payload, 'UTF8')::jsonb ->> 'text' AS text
FROM stored_events e WHERE e.kind = 13;

-- AgentBorn: An agent was born.
CREATE OR REPLACE VIEW births AS
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
       convert_from(e.payload, 'UTF8')::jsonb AS payload,
       convert_from(e.payload, 'UTF8')::jsonb ->> 'name' AS name,
       (convert_from(e.payload, 'UTF8')::jsonb ->> 'given')::int4 AS given,
       (convert_from(e.payload, 'UTF8')::jsonb ->> 'family')::int4 AS family,
       convert_from(e.payload, 'UTF8')::jsonb ->> 'occupation' AS occupation,
       (convert_from(e.payload, 'UTF8')::jsonb ->> 'born')::int4 AS born,
       (convert_from(e.payload, 'UTF8')::jsonb ->> 'lifespan')::int4 AS lifespan,
       translate(convert_from(e.payload, 'UTF8')::jsonb ->> 'traits', '[]', '{}')::int4[] AS traits,
       translate(convert_from(e.payload, 'UTF8')::jsonb ->> 'skills', '[]', '{}')::int4[] AS skills
FROM stored_events e WHERE e.kind = 18;

-- ThoughtTaken: A mind's answer took effect: an intention.
CREATE OR REPLACE VIEW thoughts AS
SELECT e.run, e.tick, e.ordinal,
       e.agent AS agent,
       (ARRAY['forage', 'cut_wood', 'quarry', 'mine', 'rest', 'socialise', 'explore', 'craft'])[e.detail + 1] AS intention,
       e.cell AS goal,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal,
       convert_from(e.payload, 'UTF8')::jsonb AS payload,
       (convert_from(e.payload, 'UTF8')::jsonb ->> 'asked')::int4 AS asked,
       convert_from(e.payload, 'UTF8')::jsonb ->> 'purpose' AS purpose,
       (convert_from(e.payload, 'UTF8')::jsonb ->> 'call')::int4 AS call,
       convert_from(e.payload, 'UTF8')::jsonb ->> 'answer' AS answer,
       convert_from(e.payload, 'UTF8')::jsonb ->> 'instead_of' AS instead_of,
       convert_from(e.payload, 'UTF8')::jsonb ->> 'unsaid' AS unsaid
FROM stored_events e WHERE e.kind = 22;

-- ThoughtRefused: A mind gave no usable answer; the old intention goes on.
CREATE OR REPLACE VIEW thoughts_refused AS
SELECT e.run, e.tick, e.ordinal,
       e.agent AS agent,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal,
       convert_from(e.payload, 'UTF8')::jsonb AS payload,
       (convert_from(e.payload, 'UTF8')::jsonb ->> 'asked')::int4 AS asked,
       convert_from(e.payload, 'UTF8')::jsonb ->> 'purpose' AS purpose,
       (convert_from(e.payload, 'UTF8')::jsonb ->> 'call')::int4 AS call,
       convert_from(e.payload, 'UTF8')::jsonb ->> 'answer' AS answer,
       convert_from(e.payload, 'UTF8')::jsonb ->> 'because' AS because
FROM stored_events e WHERE e.kind = 23;

-- InterventionMade: Somebody outside changed the world; what follows says how.
CREATE OR REPLACE VIEW interventions AS
SELECT e.run, e.tick, e.ordinal,
       e.agent AS agent,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal,
       convert_from(e.payload, 'UTF8')::jsonb AS payload,
       convert_from(e.payload, 'UTF8')::jsonb ->> 'by' AS by,
       convert_from(e.payload, 'UTF8')::jsonb ->> 'why' AS why,
       (convert_from(e.payload, 'UTF8')::jsonb ->> 'asked')::int4 AS asked,
       (convert_from(e.payload, 'UTF8')::jsonb ->> 'call')::int4 AS call,
       convert_from(e.payload, 'UTF8')::jsonb ->> 'answer' AS answer,
       convert_from(e.payload, 'UTF8')::jsonb ->> 'refused' AS refused
FROM stored_events e WHERE e.kind = 24;

-- SpeechMade: A mind's words were said to somebody in hearing, as one of the speech acts.
CREATE OR REPLACE VIEW speeches AS
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
       convert_from(e.payload, 'UTF8')::jsonb AS payload,
       convert_from(e.payload, 'UTF8')::jsonb ->> 'act' AS act,
       convert_from(e.payload, 'UTF8')::jsonb ->> 'text' AS text,
       convert_from(e.payload, 'UTF8')::jsonb ->> 'conversation' AS conversation,
       nullif(convert_from(e.payload, 'UTF8')::jsonb -> 'terms', 'null') AS terms,
       convert_from(e.payload, 'UTF8')::jsonb ->> 'news' AS news
FROM stored_events e WHERE e.kind = 25;

-- ConversationClosed: A conversation ended.
CREATE OR REPLACE VIEW conversations_closed AS
SELECT e.run, e.tick, e.ordinal,
       e.agent AS agent,
       e.target AS target,
       (ARRAY['silence', 'distance', 'length', 'death', 'means', 'left'])[e.detail + 1] AS because,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal,
       convert_from(e.payload, 'UTF8')::jsonb AS payload,
       convert_from(e.payload, 'UTF8')::jsonb ->> 'conversation' AS conversation
FROM stored_events e WHERE e.kind = 26;

-- PledgeMade: A proposal was accepted in words, and binds both from now on.
CREATE OR REPLACE VIEW pledges AS
SELECT e.run, e.tick, e.ordinal,
       e.agent AS agent,
       e.target AS target,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal,
       convert_from(e.payload, 'UTF8')::jsonb AS payload,
       nullif(convert_from(e.payload, 'UTF8')::jsonb -> 'terms', 'null') AS terms,
       convert_from(e.payload, 'UTF8')::jsonb ->> 'proposal' AS proposal
FROM stored_events e WHERE e.kind = 27;

-- PledgeKept: What was agreed in words was done; the cause is the deed.
CREATE OR REPLACE VIEW pledges_kept AS
SELECT e.run, e.tick, e.ordinal,
       e.agent AS agent,
       e.target AS target,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal,
       convert_from(e.payload, 'UTF8')::jsonb AS payload,
       convert_from(e.payload, 'UTF8')::jsonb ->> 'pledge' AS pledge
FROM stored_events e WHERE e.kind = 28;

-- PledgeLapsed: What was agreed in words could not be done.
CREATE OR REPLACE VIEW pledges_lapsed AS
SELECT e.run, e.tick, e.ordinal,
       e.agent AS agent,
       e.target AS target,
       (ARRAY['silence', 'distance', 'length', 'death', 'means', 'left'])[e.detail + 1] AS because,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal,
       convert_from(e.payload, 'UTF8')::jsonb AS payload,
       convert_from(e.payload, 'UTF8')::jsonb ->> 'pledge' AS pledge
FROM stored_events e WHERE e.kind = 29;

-- NewsHeard: A piece of news reached an agent; the cause is the speech that brought it.
CREATE OR REPLACE VIEW news_heard AS
SELECT e.run, e.tick, e.ordinal,
       e.agent AS agent,
       e.target AS target,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal,
       convert_from(e.payload, 'UTF8')::jsonb AS payload,
       convert_from(e.payload, 'UTF8')::jsonb ->> 'news' AS news,
       convert_from(e.payload, 'UTF8')::jsonb ->> 'text' AS text
FROM stored_events e WHERE e.kind = 30;

-- MemoryFormed: Something mattered enough to be remembered; the cause is what is remembered.
CREATE OR REPLACE VIEW memories AS
SELECT e.run, e.tick, e.ordinal,
       e.agent AS agent,
       (ARRAY['observation', 'conversation', 'reflection', 'plan'])[((e.detail >> 16) & 65535)::int4 + 1] AS memory_kind,
       (e.detail & 65535)::int4 AS importance,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal,
       convert_from(e.payload, 'UTF8')::jsonb AS payload,
       convert_from(e.payload, 'UTF8')::jsonb ->> 'text' AS text,
       translate(convert_from(e.payload, 'UTF8')::jsonb ->> 'cites', '[]', '{}')::text[] AS cites
FROM stored_events e WHERE e.kind = 31;

-- MemoryForgotten: A memory made room for another; it is marked, never deleted.
CREATE OR REPLACE VIEW memories_forgotten AS
SELECT e.run, e.tick, e.ordinal,
       e.agent AS agent,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal,
       convert_from(e.payload, 'UTF8')::jsonb AS payload,
       convert_from(e.payload, 'UTF8')::jsonb ->> 'memory' AS memory
FROM stored_events e WHERE e.kind = 32;

-- ReflectionMade: A mind drew a conclusion from memories; it becomes a memory itself.
CREATE OR REPLACE VIEW reflections AS
SELECT e.run, e.tick, e.ordinal,
       e.agent AS agent,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal,
       convert_from(e.payload, 'UTF8')::jsonb AS payload,
       (convert_from(e.payload, 'UTF8')::jsonb ->> 'asked')::int4 AS asked,
       convert_from(e.payload, 'UTF8')::jsonb ->> 'purpose' AS purpose,
       (convert_from(e.payload, 'UTF8')::jsonb ->> 'call')::int4 AS call,
       convert_from(e.payload, 'UTF8')::jsonb ->> 'answer' AS answer
FROM stored_events e WHERE e.kind = 33;

-- ScenarioChanged: A fork goes on under other constants, or with other chances, than its parent; the first event of its own.
CREATE OR REPLACE VIEW scenario_changes AS
SELECT e.run, e.tick, e.ordinal,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal,
       convert_from(e.payload, 'UTF8')::jsonb AS payload,
       nullif(convert_from(e.payload, 'UTF8')::jsonb -> 'settings', 'null') AS settings,
       nullif(convert_from(e.payload, 'UTF8')::jsonb -> 'seed', 'null') AS seed
FROM stored_events e WHERE e.kind = 34;

-- A cell has no needs: StockChanged keeps another figure in that column.
CREATE OR REPLACE VIEW events AS
SELECT e.run, e.tick, e.ordinal, k.name AS kind, e.agent, e.target, e.cell, e.detail,
       (ARRAY['food', 'wood', 'stone', 'ore', 'coin', 'tool'])[(e.given >> 56) + 1] AS given_good,
       ((e.given >> 28) & 268435455)::int4 AS given_quantity, (e.given & 268435455)::int4 AS given_holding,
       (ARRAY['food', 'wood', 'stone', 'ore', 'coin', 'tool'])[(e.taken >> 56) + 1] AS taken_good,
       ((e.taken >> 28) & 268435455)::int4 AS taken_quantity, (e.taken & 268435455)::int4 AS taken_holding,
       CASE WHEN e.kind <> 35 THEN ((e.needs >> 32) & 65535)::int4 END AS energy,
       CASE WHEN e.kind <> 35 THEN ((e.needs >> 16) & 65535)::int4 END AS satiety,
       CASE WHEN e.kind <> 35 THEN (e.needs & 65535)::int4 END AS company,
       (e.cause >> 32)::int4 AS cause_tick, (e.cause & 4294967295)::int4 AS cause_ordinal,
       convert_from(e.payload, 'UTF8')::jsonb AS payload
FROM stored_events e JOIN event_kinds k ON k.number = e.kind;
