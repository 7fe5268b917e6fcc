SET LOCAL search_path = polis;
DELETE FROM polis_rollup.progress;
DROP TRIGGER follow_rollup ON polis_rollup.progress;
DROP VIEW polis_run.agent_activity, agent_activity;
DROP FUNCTION make_run_views, follow_rollup;
DROP TABLE polis_rollup.agent_activity;
ALTER FUNCTION make_run_views_0006 RENAME TO make_run_views;
SELECT make_run_views();

DO $$
DECLARE called regprocedure; grantee text;
BEGIN
    FOR called IN
        SELECT oid FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace
        AND (proname ~ '^pg_(try_)?advisory_'
             OR proname IN ('pg_terminate_backend', 'pg_cancel_backend', 'pg_logical_emit_message'))
    LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO PUBLIC', called);
        FOR grantee IN SELECT r.rolname FROM pg_proc p, aclexplode(p.proacl) a JOIN pg_roles r ON r.oid = a.grantee
                       WHERE p.oid = called AND NOT r.rolsuper LOOP
            EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM %I', called, grantee);
        END LOOP;
    END LOOP;
EXCEPTION WHEN insufficient_privilege THEN NULL;
END $$;
