-- The public views: `events` with every column unpacked, one view a kind with the kind's own names,
-- and what people ask first. Payload keys stand beside the columns as jsonb `payload`.
-- Shifts and codes are those of domain/events.py; a test compares them.
CREATE TABLE event_kinds (
    number  int2 PRIMARY KEY,
    name    text NOT NULL UNIQUE,
    view    text NOT NULL UNIQUE,
    version int2 NOT NULL,
    summary text NOT NULL
);
INSERT INTO event_kinds VALUES
    (1, 'WorldFounded', 'world_foundings', 1, 'The grid was laid out.'),
    (2, 'CellFormed', 'cells_formed', 1, 'A cell of the terrain came to be, with its stocks.'),
    (3, 'AgentJoined', 'arrivals', 1, 'A founder arrived in the world.'),
    (4, 'GoodsEndowed', 'endowments', 1, 'An agent was given a good by the world or by an intervention.'),
    (5, 'IntentionFormed', 'intentions', 1, 'An agent set its mind on something.'),
    (6, 'AgentMoved', 'moves', 1, 'An agent stepped to a neighbouring cell; climbing cost energy.'),
    (7, 'GoodsGathered', 'gatherings', 1, 'An agent took a resource from its cell, wearing its tool if it has one.'),
    (8, 'SkillImproved', 'lessons', 1, 'Practice made an agent better.'),
    (9, 'MealEaten', 'meals', 1, 'An agent ate food that it held.'),
    (10, 'AgentRested', 'rests', 1, 'An agent rested.'),
    (11, 'ToolCrafted', 'crafts', 1, 'An agent made a tool of wood and of stone or ore.'),
    (12, 'AgentsMet', 'meetings', 1, 'An agent got to know another; its weakest tie made room if all were taken.'),
    (13, 'WordsSpoken', 'utterances', 1, 'An agent said something to another.'),
    (14, 'GoodsTraded', 'trades', 1, 'One leg of a barter: the agent gave one good and took another. The other leg is the partner''s own event.'),
    (15, 'GoodsGiven', 'gifts', 1, 'An agent gave something away.'),
    (16, 'GiftReceived', 'gifts_received', 1, 'An agent was given something by another.'),
    (17, 'ChildBorne', 'births_given', 1, 'An agent had a child and gave it food to begin with.'),
    (18, 'AgentBorn', 'births', 1, 'An agent was born.'),
    (19, 'AgentDied', 'deaths', 1, 'An agent died; what it held passed to its heir.'),
    (20, 'GoodsInherited', 'inheritances', 1, 'An agent inherited a good.'),
    (21, 'ThoughtRequested', 'thoughts_requested', 1, 'A mind was asked what an agent should intend.'),
    (22, 'ThoughtTaken', 'thoughts', 1, 'A mind''s answer took effect: an intention.'),
    (23, 'ThoughtRefused', 'thoughts_refused', 1, 'A mind gave no usable answer; the old intention goes on.'),
    (24, 'InterventionMade', 'interventions', 1, 'Somebody outside changed the world; what follows says how.');

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

-- WorldFounded: The grid was laid out.
CREATE VIEW world_foundings AS
SELECT e.run, e.tick, e.ordinal,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal,
       convert_from(e.payload, 'UTF8')::jsonb AS payload
FROM stored_events e WHERE e.kind = 1;

-- CellFormed: A cell of the terrain came to be, with its stocks.
CREATE VIEW cells_formed AS
SELECT e.run, e.tick, e.ordinal,
       e.cell AS cell,
       e.detail AS elevation,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal,
       convert_from(e.payload, 'UTF8')::jsonb AS payload
FROM stored_events e WHERE e.kind = 2;

-- AgentJoined: A founder arrived in the world.
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

-- GoodsEndowed: An agent was given a good by the world or by an intervention.
CREATE VIEW endowments AS
SELECT e.run, e.tick, e.ordinal,
       e.agent AS agent,
       (ARRAY['food', 'wood', 'stone', 'ore', 'coin', 'tool'])[((e.given >> 56) & 255)::int4 + 1] AS good,
       ((e.given >> 28) & 268435455)::int4 AS quantity,
       (e.given & 268435455)::int4 AS holding,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal
FROM stored_events e WHERE e.kind = 4;

-- IntentionFormed: An agent set its mind on something.
CREATE VIEW intentions AS
SELECT e.run, e.tick, e.ordinal,
       e.agent AS agent,
       (ARRAY['forage', 'cut_wood', 'quarry', 'mine', 'rest', 'socialise', 'explore', 'craft'])[e.detail + 1] AS intention,
       e.cell AS goal,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal
FROM stored_events e WHERE e.kind = 5;

-- AgentMoved: An agent stepped to a neighbouring cell; climbing cost energy.
CREATE VIEW moves AS
SELECT e.run, e.tick, e.ordinal,
       e.agent AS agent,
       e.cell AS cell,
       e.detail AS from_cell,
       ((e.needs >> 32) & 65535)::int4 AS energy,
       ((e.needs >> 16) & 65535)::int4 AS satiety,
       (e.needs & 65535)::int4 AS company,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal
FROM stored_events e WHERE e.kind = 6;

-- GoodsGathered: An agent took a resource from its cell, wearing its tool if it has one.
CREATE VIEW gatherings AS
SELECT e.run, e.tick, e.ordinal,
       e.agent AS agent,
       e.cell AS cell,
       (ARRAY['food', 'wood', 'stone', 'ore', 'coin', 'tool'])[((e.given >> 56) & 255)::int4 + 1] AS good,
       ((e.given >> 28) & 268435455)::int4 AS quantity,
       (e.given & 268435455)::int4 AS holding,
       e.detail AS stock,
       (ARRAY['food', 'wood', 'stone', 'ore', 'coin', 'tool'])[((e.taken >> 56) & 255)::int4 + 1] AS taken_good,
       ((e.taken >> 28) & 268435455)::int4 AS taken_quantity,
       (e.taken & 268435455)::int4 AS taken_holding,
       ((e.needs >> 32) & 65535)::int4 AS energy,
       ((e.needs >> 16) & 65535)::int4 AS satiety,
       (e.needs & 65535)::int4 AS company,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal
FROM stored_events e WHERE e.kind = 7;

-- SkillImproved: Practice made an agent better.
CREATE VIEW lessons AS
SELECT e.run, e.tick, e.ordinal,
       e.agent AS agent,
       (ARRAY['farming', 'forestry', 'masonry', 'mining'])[((e.detail >> 16) & 65535)::int4 + 1] AS skill,
       (e.detail & 65535)::int4 AS level,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal
FROM stored_events e WHERE e.kind = 8;

-- MealEaten: An agent ate food that it held.
CREATE VIEW meals AS
SELECT e.run, e.tick, e.ordinal,
       e.agent AS agent,
       (ARRAY['food', 'wood', 'stone', 'ore', 'coin', 'tool'])[((e.given >> 56) & 255)::int4 + 1] AS good,
       ((e.given >> 28) & 268435455)::int4 AS quantity,
       (e.given & 268435455)::int4 AS holding,
       ((e.needs >> 32) & 65535)::int4 AS energy,
       ((e.needs >> 16) & 65535)::int4 AS satiety,
       (e.needs & 65535)::int4 AS company,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal
FROM stored_events e WHERE e.kind = 9;

-- AgentRested: An agent rested.
CREATE VIEW rests AS
SELECT e.run, e.tick, e.ordinal,
       e.agent AS agent,
       ((e.needs >> 32) & 65535)::int4 AS energy,
       ((e.needs >> 16) & 65535)::int4 AS satiety,
       (e.needs & 65535)::int4 AS company,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal
FROM stored_events e WHERE e.kind = 10;

-- ToolCrafted: An agent made a tool of wood and of stone or ore.
CREATE VIEW crafts AS
SELECT e.run, e.tick, e.ordinal,
       e.agent AS agent,
       (ARRAY['food', 'wood', 'stone', 'ore', 'coin', 'tool'])[((e.given >> 56) & 255)::int4 + 1] AS good,
       ((e.given >> 28) & 268435455)::int4 AS quantity,
       (e.given & 268435455)::int4 AS holding,
       (ARRAY['food', 'wood', 'stone', 'ore', 'coin', 'tool'])[((e.taken >> 56) & 255)::int4 + 1] AS taken_good,
       ((e.taken >> 28) & 268435455)::int4 AS taken_quantity,
       (e.taken & 268435455)::int4 AS taken_holding,
       e.detail AS tool_uses,
       ((e.needs >> 32) & 65535)::int4 AS energy,
       ((e.needs >> 16) & 65535)::int4 AS satiety,
       (e.needs & 65535)::int4 AS company,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal
FROM stored_events e WHERE e.kind = 11;

-- AgentsMet: An agent got to know another; its weakest tie made room if all were taken.
CREATE VIEW meetings AS
SELECT e.run, e.tick, e.ordinal,
       e.agent AS agent,
       e.target AS target,
       ((e.detail >> 16) & 65535)::int4 AS tie_slot,
       (e.detail & 65535)::int4 AS tie_strength,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal
FROM stored_events e WHERE e.kind = 12;

-- WordsSpoken: An agent said something to another.
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

-- GoodsTraded: One leg of a barter: the agent gave one good and took another. The other leg is the partner's own event.
CREATE VIEW trades AS
SELECT e.run, e.tick, e.ordinal,
       e.agent AS agent,
       e.target AS target,
       (ARRAY['food', 'wood', 'stone', 'ore', 'coin', 'tool'])[((e.given >> 56) & 255)::int4 + 1] AS good,
       ((e.given >> 28) & 268435455)::int4 AS quantity,
       (e.given & 268435455)::int4 AS holding,
       (ARRAY['food', 'wood', 'stone', 'ore', 'coin', 'tool'])[((e.taken >> 56) & 255)::int4 + 1] AS taken_good,
       ((e.taken >> 28) & 268435455)::int4 AS taken_quantity,
       (e.taken & 268435455)::int4 AS taken_holding,
       ((e.detail >> 16) & 65535)::int4 AS tie_slot,
       (e.detail & 65535)::int4 AS tie_strength,
       ((e.needs >> 32) & 65535)::int4 AS energy,
       ((e.needs >> 16) & 65535)::int4 AS satiety,
       (e.needs & 65535)::int4 AS company,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal
FROM stored_events e WHERE e.kind = 14;

-- GoodsGiven: An agent gave something away.
CREATE VIEW gifts AS
SELECT e.run, e.tick, e.ordinal,
       e.agent AS agent,
       e.target AS target,
       (ARRAY['food', 'wood', 'stone', 'ore', 'coin', 'tool'])[((e.given >> 56) & 255)::int4 + 1] AS good,
       ((e.given >> 28) & 268435455)::int4 AS quantity,
       (e.given & 268435455)::int4 AS holding,
       ((e.detail >> 16) & 65535)::int4 AS tie_slot,
       (e.detail & 65535)::int4 AS tie_strength,
       ((e.needs >> 32) & 65535)::int4 AS energy,
       ((e.needs >> 16) & 65535)::int4 AS satiety,
       (e.needs & 65535)::int4 AS company,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal
FROM stored_events e WHERE e.kind = 15;

-- GiftReceived: An agent was given something by another.
CREATE VIEW gifts_received AS
SELECT e.run, e.tick, e.ordinal,
       e.agent AS agent,
       e.target AS target,
       (ARRAY['food', 'wood', 'stone', 'ore', 'coin', 'tool'])[((e.taken >> 56) & 255)::int4 + 1] AS taken_good,
       ((e.taken >> 28) & 268435455)::int4 AS taken_quantity,
       (e.taken & 268435455)::int4 AS taken_holding,
       ((e.detail >> 16) & 65535)::int4 AS tie_slot,
       (e.detail & 65535)::int4 AS tie_strength,
       ((e.needs >> 32) & 65535)::int4 AS energy,
       ((e.needs >> 16) & 65535)::int4 AS satiety,
       (e.needs & 65535)::int4 AS company,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal
FROM stored_events e WHERE e.kind = 16;

-- ChildBorne: An agent had a child and gave it food to begin with.
CREATE VIEW births_given AS
SELECT e.run, e.tick, e.ordinal,
       e.agent AS agent,
       e.target AS target,
       (ARRAY['food', 'wood', 'stone', 'ore', 'coin', 'tool'])[((e.given >> 56) & 255)::int4 + 1] AS good,
       ((e.given >> 28) & 268435455)::int4 AS quantity,
       (e.given & 268435455)::int4 AS holding,
       ((e.needs >> 32) & 65535)::int4 AS energy,
       ((e.needs >> 16) & 65535)::int4 AS satiety,
       (e.needs & 65535)::int4 AS company,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal
FROM stored_events e WHERE e.kind = 17;

-- AgentBorn: An agent was born.
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

-- AgentDied: An agent died; what it held passed to its heir.
CREATE VIEW deaths AS
SELECT e.run, e.tick, e.ordinal,
       e.agent AS agent,
       e.target AS target,
       e.cell AS cell,
       (ARRAY['hunger', 'old_age'])[e.detail] AS because,
       ((e.needs >> 32) & 65535)::int4 AS energy,
       ((e.needs >> 16) & 65535)::int4 AS satiety,
       (e.needs & 65535)::int4 AS company,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal
FROM stored_events e WHERE e.kind = 19;

-- GoodsInherited: An agent inherited a good.
CREATE VIEW inheritances AS
SELECT e.run, e.tick, e.ordinal,
       e.agent AS agent,
       e.target AS target,
       (ARRAY['food', 'wood', 'stone', 'ore', 'coin', 'tool'])[((e.taken >> 56) & 255)::int4 + 1] AS taken_good,
       ((e.taken >> 28) & 268435455)::int4 AS taken_quantity,
       (e.taken & 268435455)::int4 AS taken_holding,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal
FROM stored_events e WHERE e.kind = 20;

-- ThoughtRequested: A mind was asked what an agent should intend.
CREATE VIEW thoughts_requested AS
SELECT e.run, e.tick, e.ordinal,
       e.agent AS agent,
       e.detail AS due,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal
FROM stored_events e WHERE e.kind = 21;

-- ThoughtTaken: A mind's answer took effect: an intention.
CREATE VIEW thoughts AS
SELECT e.run, e.tick, e.ordinal,
       e.agent AS agent,
       (ARRAY['forage', 'cut_wood', 'quarry', 'mine', 'rest', 'socialise', 'explore', 'craft'])[e.detail + 1] AS intention,
       e.cell AS goal,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal,
       convert_from(e.payload, 'UTF8')::jsonb AS payload
FROM stored_events e WHERE e.kind = 22;

-- ThoughtRefused: A mind gave no usable answer; the old intention goes on.
CREATE VIEW thoughts_refused AS
SELECT e.run, e.tick, e.ordinal,
       e.agent AS agent,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal,
       convert_from(e.payload, 'UTF8')::jsonb AS payload
FROM stored_events e WHERE e.kind = 23;

-- InterventionMade: Somebody outside changed the world; what follows says how.
CREATE VIEW interventions AS
SELECT e.run, e.tick, e.ordinal,
       e.agent AS agent,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal,
       convert_from(e.payload, 'UTF8')::jsonb AS payload
FROM stored_events e WHERE e.kind = 24;

-- Newest tick of each run.
CREATE VIEW heads AS
SELECT r.run, r.name, h.tick, h.chain_hash
FROM runs r JOIN LATERAL (SELECT tick, chain_hash FROM ticks t WHERE t.run = r.run ORDER BY tick DESC LIMIT 1) h ON true;

-- Whose events a run reads, and for which ticks: its own, and its ancestors' up to the fork.
CREATE VIEW lineage AS
WITH RECURSIVE up AS (
    SELECT run, run AS source, parent, coalesce(fork_tick + 1, 0) AS tick_first, 2147483647 AS tick_last FROM runs
    UNION ALL
    SELECT up.run, r.run, r.parent, coalesce(r.fork_tick + 1, 0), least(up.tick_first - 1, up.tick_last)
    FROM up JOIN runs r ON r.run = up.parent
)
SELECT run, source, tick_first, tick_last FROM up WHERE tick_first <= tick_last;

-- How much of each good an agent holds after each event that changed it: position and wealth at any
-- tick are the newest rows up to it.
CREATE VIEW holdings AS
SELECT e.run, e.tick, e.ordinal, e.agent, g.good, g.holding
FROM stored_events e CROSS JOIN LATERAL (
    VALUES ((ARRAY['food', 'wood', 'stone', 'ore', 'coin', 'tool'])[(e.given >> 56) + 1], (e.given & 268435455)::int4),
           ((ARRAY['food', 'wood', 'stone', 'ore', 'coin', 'tool'])[(e.taken >> 56) + 1], (e.taken & 268435455)::int4),
           (CASE WHEN e.kind = 11 THEN 'tool' END, e.detail)
) AS g (good, holding)
WHERE g.good IS NOT NULL;

-- Where an agent is after each event that says so.
CREATE VIEW positions AS
SELECT run, tick, ordinal, agent, cell FROM stored_events WHERE kind IN (3, 6, 18);
