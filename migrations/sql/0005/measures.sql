SET LOCAL search_path = polis;
-- Measures: what each was at every tick, in blocks of ticks. A projection of events: `polis measures RUN --rebuild`
-- makes it again, so unlike history it may be changed, and it goes with its run.
CREATE TABLE measure_blocks (
    source     int4 NOT NULL REFERENCES runs ON DELETE CASCADE,  -- the run whose own ticks these are; forks read them too
    name       text NOT NULL,
    tick_first int4 NOT NULL,
    version    int4 NOT NULL,    -- of the measure's definition
    amounts    int8[] NOT NULL,  -- one a tick from tick_first on; the smallest int8 stands for no value
    PRIMARY KEY (source, name, tick_first)
);

-- What the names mean, kept beside them by whoever fills the blocks.
CREATE TABLE measure_names (
    name    text PRIMARY KEY,
    version int4 NOT NULL,
    kind    text NOT NULL CHECK (kind IN ('level', 'flow')),
    unit    text NOT NULL,
    divisor int4 NOT NULL,      -- an amount divided by it is in that unit
    meaning text NOT NULL
);

-- One row a run, tick and measure, as far as blocks are filled; a fork reads its parents' up to where it left them.
CREATE VIEW measures AS
SELECT l.run, (b.tick_first + v.place - 1)::int4 AS tick, b.name,
       nullif(v.amount, -9223372036854775808)::float8 / n.divisor AS value, n.unit,
       nullif(v.amount, -9223372036854775808) AS amount
FROM lineage l
JOIN measure_blocks b ON b.source = l.source AND b.tick_first <= l.tick_last
                     AND b.tick_first + cardinality(b.amounts) > l.tick_first
JOIN measure_names n ON n.name = b.name AND n.version = b.version
CROSS JOIN LATERAL unnest(b.amounts) WITH ORDINALITY AS v (amount, place)
WHERE b.tick_first + v.place - 1 BETWEEN l.tick_first AND l.tick_last;

GRANT SELECT ON measure_blocks, measure_names, measures TO polis_app, polis_read, polis_maintenance;
GRANT INSERT, UPDATE, DELETE ON measure_blocks, measure_names TO polis_app;
