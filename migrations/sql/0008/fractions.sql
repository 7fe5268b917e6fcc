SET LOCAL search_path = polis;
-- Measures that are fractions are kept as the float8 nearest to the quotient, where they were cut to thousandths. What is
-- kept is a projection: it goes, and whoever asks next makes it anew.
DROP VIEW polis_run.measures, measures;
TRUNCATE measure_blocks, measure_names;
ALTER TABLE measure_blocks DROP COLUMN amounts;
-- One a tick from tick_first on: whole numbers, exact up to 2^53, or fractions; not-a-number stands for no value.
ALTER TABLE measure_blocks ADD COLUMN amounts float8[] NOT NULL;

-- One row a run, tick and measure, as far as blocks are filled; a fork reads its parents' up to where it left them.
CREATE VIEW measures AS
SELECT l.run, (b.tick_first + v.place - 1)::int4 AS tick, b.name,
       nullif(v.amount, 'NaN') / n.divisor AS value, n.unit, nullif(v.amount, 'NaN') AS amount
FROM lineage l
JOIN measure_blocks b ON b.source = l.source AND b.tick_first <= l.tick_last
                     AND b.tick_first + cardinality(b.amounts) > l.tick_first
JOIN measure_names n ON n.name = b.name AND n.version = b.version
CROSS JOIN LATERAL unnest(b.amounts) WITH ORDINALITY AS v (amount, place)
WHERE b.tick_first + v.place - 1 BETWEEN l.tick_first AND l.tick_last;

COMMENT ON VIEW measures IS 'a measure at a tick, as far as it was computed';
GRANT SELECT ON measures TO polis_app, polis_read, polis_maintenance;
SELECT make_run_views();
