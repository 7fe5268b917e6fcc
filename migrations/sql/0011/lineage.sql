SET LOCAL search_path = polis;
-- A parent was there before its forks, so it has the lower number. Whoever can change every row can make a run its own
-- ancestor: its lineage then ends there, and other runs' questions end as well.
CREATE OR REPLACE VIEW lineage AS
WITH RECURSIVE up AS (
    SELECT run, run AS source, parent, coalesce(fork_tick + 1, 0) AS tick_first, 2147483647 AS tick_last FROM runs
    UNION ALL
    SELECT up.run, r.run, r.parent, coalesce(r.fork_tick + 1, 0), least(up.tick_first - 1, up.tick_last)
    FROM up JOIN runs r ON r.run = up.parent AND r.run < up.source
)
SELECT run, source, tick_first, tick_last FROM up WHERE tick_first - 1 <= tick_last;
