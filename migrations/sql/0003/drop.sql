SET LOCAL search_path = polis;
DO $$
BEGIN
    IF EXISTS (SELECT FROM stored_events WHERE kind > 24) THEN
        RAISE EXCEPTION 'there are runs with minds, which the schema before knows nothing of'
            USING HINT = 'drop each of them with polis.drop_run(run, reason) first';
    END IF;
END $$;
DROP VIEW deliberations, thoughts_requested, speeches, conversations_closed, pledges, pledges_kept, pledges_lapsed,
    news_heard, memories, memories_forgotten, reflections;
DROP INDEX inputs_by_chain;
ALTER TABLE inputs DROP COLUMN prompt, DROP COLUMN raw, DROP COLUMN template, DROP COLUMN adapter, DROP COLUMN reused_from;
ALTER TABLE ticks DROP COLUMN area_minds;
DELETE FROM event_kinds WHERE number > 24;
CREATE VIEW thoughts_requested AS
SELECT e.run, e.tick, e.ordinal,
       e.agent AS agent,
       e.detail AS due,
       ((e.cause >> 32) & 4294967295)::int4 AS cause_tick,
       (e.cause & 4294967295)::int4 AS cause_ordinal
FROM stored_events e WHERE e.kind = 21;
GRANT SELECT ON thoughts_requested TO polis_app, polis_read, polis_maintenance;
