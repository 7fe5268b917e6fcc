SET LOCAL search_path = polis;
DROP VIEW polis_run.measures, measures;
TRUNCATE measure_blocks, measure_names;
ALTER TABLE measure_blocks DROP COLUMN amounts;
ALTER TABLE measure_blocks ADD COLUMN amounts int8[] NOT NULL;

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

COMMENT ON VIEW measures IS 'a measure at a tick, as far as it was computed';
GRANT SELECT ON measures TO polis_app, polis_read, polis_maintenance;
SELECT make_run_views();
