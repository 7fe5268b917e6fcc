-- Views over the views of kinds, in the SQL that Postgres and DuckDB share: an exported run gets them from this very
-- file. So no integer division, no jsonb, and names that neither keeps for itself.

-- agents: an agent who ever lived: who it is, where it came from, what became of it
CREATE VIEW agents AS
SELECT b.run, b.agent, b.name, b.occupation, b.household, b.parent, b.born, b.arrived, b.cell AS arrived_at,
       d.tick AS died, d.because, d.cell AS died_at
FROM (
    SELECT run, agent, name, occupation, household, CAST(NULL AS INTEGER) AS parent, born, tick AS arrived, cell
    FROM arrivals
    UNION ALL
    SELECT run, agent, name, occupation, household, target AS parent, born, tick AS arrived, cell FROM births
) b
LEFT JOIN deaths d ON d.run = b.run AND d.agent = b.agent;

-- agent_history: an agent after one of its own events that changed its needs or its place: where it is, how it fares
CREATE VIEW agent_history AS
SELECT run, tick, ordinal, agent, kind, max(place) OVER (PARTITION BY run, agent, stay) AS cell, energy, satiety, company
FROM (
    SELECT run, tick, ordinal, agent, kind, place, energy, satiety, company,
           count(place) OVER (PARTITION BY run, agent ORDER BY tick, ordinal) AS stay
    FROM (
        SELECT run, tick, ordinal, agent, kind, energy, satiety, company,
               CASE WHEN kind IN ('AgentJoined', 'AgentBorn', 'AgentMoved', 'GoodsGathered', 'AgentDied') THEN cell END AS place
        FROM events WHERE energy IS NOT NULL
    ) own
) placed;

-- exchanges: a barter, both sides of it: who gave what for what, at which rate, and the price in coins if coins changed hands
CREATE VIEW exchanges AS
SELECT run, tick, ordinal, partner_ordinal, agent, partner, gave, gave_quantity, got, got_quantity,
       CASE WHEN gave = 'coin' THEN 1.0 ELSE 0.001 END * gave_quantity AS gave_units,
       CASE WHEN got = 'coin' THEN 1.0 ELSE 0.001 END * got_quantity AS got_units,
       CASE WHEN gave = 'coin' THEN got WHEN got = 'coin' THEN gave END AS priced,
       CASE WHEN gave = 'coin' THEN 1000.0 * gave_quantity / got_quantity
            WHEN got = 'coin' THEN 1000.0 * got_quantity / gave_quantity END AS price,
       agent_left, agent_has, partner_left, partner_has, tie_strength
FROM (
    SELECT a.run, a.tick, a.ordinal, b.ordinal AS partner_ordinal, a.agent, a.target AS partner,
           a.good AS gave, a.quantity AS gave_quantity, a.taken_good AS got, a.taken_quantity AS got_quantity,
           a.holding AS agent_left, a.taken_holding AS agent_has, b.holding AS partner_left, b.taken_holding AS partner_has,
           a.tie_strength
    FROM trades a
    JOIN trades b ON b.run = a.run AND b.cause_tick = a.tick AND b.cause_ordinal = a.ordinal
    WHERE b.agent = a.target
) legs;

-- conversation_turns: something said in a conversation, numbered from its first
CREATE VIEW conversation_turns AS
SELECT run, conversation, row_number() OVER (PARTITION BY run, conversation ORDER BY tick, ordinal) AS turn,
       tick, ordinal, agent, target, act, text, news
FROM speeches;

-- conversations: a conversation: who began it, how long it was, how it ended
CREATE VIEW conversations AS
SELECT s.run, s.conversation, s.opened, s.last_said, s.turns, o.agent AS opener, o.target AS other, o.act AS opening_act,
       c.tick AS closed, c.because
FROM (
    SELECT run, conversation, min(tick) AS opened, max(tick) AS last_said, count(*) AS turns
    FROM speeches GROUP BY run, conversation
) s
JOIN speeches o ON o.run = s.run AND o.tick = s.opened AND o.conversation = s.conversation
    AND o.conversation = CAST(o.tick AS TEXT) || ':' || CAST(o.ordinal AS TEXT)
LEFT JOIN (
    SELECT run, conversation, min(tick) AS tick, min(because) AS because FROM conversations_closed GROUP BY run, conversation
) c ON c.run = s.run AND c.conversation = s.conversation;

-- ties: a tie after something that made or changed it; it holds until the next row of its agent and slot
CREATE VIEW ties AS
SELECT run, tick, ordinal, agent, target, tie_slot AS slot, tie_strength AS strength, 'AgentsMet' AS kind FROM meetings
UNION ALL
SELECT run, tick, ordinal, agent, target, tie_slot, tie_strength, 'WordsSpoken' FROM utterances
UNION ALL
SELECT run, tick, ordinal, agent, target, tie_slot, tie_strength, 'GoodsTraded' FROM trades
UNION ALL
SELECT run, tick, ordinal, agent, target, tie_slot, tie_strength, 'GoodsGiven' FROM gifts
UNION ALL
SELECT run, tick, ordinal, agent, target, tie_slot, tie_strength, 'GiftReceived' FROM gifts_received
UNION ALL
SELECT run, tick, ordinal, agent, target, tie_slot, tie_strength, 'SpeechMade' FROM speeches;

-- thoughts_answered: an answer of a mind as it took effect or was refused: why it was asked, what it changed, what it cost
CREATE VIEW thoughts_answered AS
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

-- remembered: a memory: when it was formed, when it was forgotten, what it rests on
CREATE VIEW remembered AS
SELECT m.run, m.memory, m.agent, m.memory_kind, m.importance, m.born, f.tick AS forgotten, m.text, m.cites,
       m.cause_tick, m.cause_ordinal
FROM (
    SELECT run, CAST(tick AS TEXT) || ':' || CAST(ordinal AS TEXT) AS memory, agent, memory_kind, importance, tick AS born,
           text, cites, cause_tick, cause_ordinal
    FROM memories
) m
LEFT JOIN memories_forgotten f ON f.run = m.run AND f.agent = m.agent AND f.memory = m.memory;

-- places: a cell of the grid: where it lies, what covers it, how high it is
-- With OFFSET 0 Postgres unpacks a cell once, and not once a row of whatever is joined to it.
CREATE VIEW places AS
SELECT c.run, c.cell, c.cell % w.width AS x, CAST((c.cell - c.cell % w.width) / w.width AS INTEGER) AS y,
       c.biome, c.elevation, c.capacity, c.regrowth
FROM cells_formed c JOIN world_foundings w ON w.run = c.run
OFFSET 0;
