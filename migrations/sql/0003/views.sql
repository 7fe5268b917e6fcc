SET LOCAL search_path = polis;
-- Minds: a view for each of their kinds of event, what is kept beside their answers, their area of state.

INSERT INTO event_kinds VALUES
    (25, 'SpeechMade', 'speeches', 1, 'A mind''s words were said to somebody in hearing, as one of the speech acts.'),
    (26, 'ConversationClosed', 'conversations_closed', 1, 'A conversation ended.'),
    (27, 'PledgeMade', 'pledges', 1, 'A proposal was accepted in words, and binds both from now on.'),
    (28, 'PledgeKept', 'pledges_kept', 1, 'What was agreed in words was done; the cause is the deed.'),
    (29, 'PledgeLapsed', 'pledges_lapsed', 1, 'What was agreed in words could not be done.'),
    (30, 'NewsHeard', 'news_heard', 1, 'A piece of news reached an agent; the cause is the speech that brought it.'),
    (31, 'MemoryFormed', 'memories', 1, 'Something mattered enough to be remembered; the cause is what is remembered.'),
    (32, 'MemoryForgotten', 'memories_forgotten', 1, 'A memory made room for another; it is marked, never deleted.'),
    (33, 'ReflectionMade', 'reflections', 1, 'A mind drew a conclusion from memories; it becomes a memory itself.');

-- A request says what is asked for and why it is this agent's turn.
DROP VIEW thoughts_requested;
-- ThoughtRequested: A mind was asked what an agent should intend.
CREATE VIEW thoughts_requested AS
SELECT e.run, e.tick, e.ordinal,
       e.agent AS agent,
       e.detail AS due,
       (ARRAY['intention', 'reflection'])[e.target + 1] AS purpose,
       (ARRAY['spoken_to', 'crisis', 'milestone', 'reflection', 'silence'])[e.cell + 1] AS reason,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal
FROM stored_events e WHERE e.kind = 21;

-- SpeechMade: A mind's words were said to somebody in hearing, as one of the speech acts.
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

-- ConversationClosed: A conversation ended.
CREATE VIEW conversations_closed AS
SELECT e.run, e.tick, e.ordinal,
       e.agent AS agent,
       e.target AS target,
       (ARRAY['silence', 'distance', 'length', 'death', 'means', 'left'])[e.detail + 1] AS because,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal,
       convert_from(e.payload, 'UTF8')::jsonb AS payload
FROM stored_events e WHERE e.kind = 26;

-- PledgeMade: A proposal was accepted in words, and binds both from now on.
CREATE VIEW pledges AS
SELECT e.run, e.tick, e.ordinal,
       e.agent AS agent,
       e.target AS target,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal,
       convert_from(e.payload, 'UTF8')::jsonb AS payload
FROM stored_events e WHERE e.kind = 27;

-- PledgeKept: What was agreed in words was done; the cause is the deed.
CREATE VIEW pledges_kept AS
SELECT e.run, e.tick, e.ordinal,
       e.agent AS agent,
       e.target AS target,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal,
       convert_from(e.payload, 'UTF8')::jsonb AS payload
FROM stored_events e WHERE e.kind = 28;

-- PledgeLapsed: What was agreed in words could not be done.
CREATE VIEW pledges_lapsed AS
SELECT e.run, e.tick, e.ordinal,
       e.agent AS agent,
       e.target AS target,
       (ARRAY['silence', 'distance', 'length', 'death', 'means', 'left'])[e.detail + 1] AS because,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal,
       convert_from(e.payload, 'UTF8')::jsonb AS payload
FROM stored_events e WHERE e.kind = 29;

-- NewsHeard: A piece of news reached an agent; the cause is the speech that brought it.
CREATE VIEW news_heard AS
SELECT e.run, e.tick, e.ordinal,
       e.agent AS agent,
       e.target AS target,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal,
       convert_from(e.payload, 'UTF8')::jsonb AS payload
FROM stored_events e WHERE e.kind = 30;

-- MemoryFormed: Something mattered enough to be remembered; the cause is what is remembered.
CREATE VIEW memories AS
SELECT e.run, e.tick, e.ordinal,
       e.agent AS agent,
       (ARRAY['observation', 'conversation', 'reflection', 'plan'])[((e.detail >> 16) & 65535)::int4 + 1] AS memory_kind,
       (e.detail & 65535)::int4 AS importance,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal,
       convert_from(e.payload, 'UTF8')::jsonb AS payload
FROM stored_events e WHERE e.kind = 31;

-- MemoryForgotten: A memory made room for another; it is marked, never deleted.
CREATE VIEW memories_forgotten AS
SELECT e.run, e.tick, e.ordinal,
       e.agent AS agent,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal,
       convert_from(e.payload, 'UTF8')::jsonb AS payload
FROM stored_events e WHERE e.kind = 32;

-- ReflectionMade: A mind drew a conclusion from memories; it becomes a memory itself.
CREATE VIEW reflections AS
SELECT e.run, e.tick, e.ordinal,
       e.agent AS agent,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal,
       convert_from(e.payload, 'UTF8')::jsonb AS payload
FROM stored_events e WHERE e.kind = 33;
