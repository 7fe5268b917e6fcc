SET LOCAL search_path = polis;
-- Some functions Postgres lets everybody call, in transactions that only read too. With them a role that only reads could
-- keep a run from being written (by its advisory lock), end and cancel the sessions of other readers, and fill the log.
-- Who is here already keeps them, other applications in this database as well: only the reading role has no use for them.
-- Only a superuser can take them from everybody; elsewhere the writer's lock is told from others by its process.
DO $$
DECLARE called regprocedure; others text;
BEGIN
    SELECT string_agg(quote_ident(rolname), ', ' ORDER BY rolname) INTO others FROM pg_roles
    WHERE NOT rolsuper AND rolname !~ '^pg_'
      AND (NOT pg_has_role(oid, 'polis_read', 'MEMBER') OR pg_has_role(oid, 'polis_app', 'MEMBER'));
    FOR called IN
        SELECT oid FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace
        AND (proname ~ '^pg_(try_)?advisory_'
             OR proname IN ('pg_terminate_backend', 'pg_cancel_backend', 'pg_logical_emit_message'))
    LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %s', called, others);
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', called);
    END LOOP;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'polis_read may take advisory locks and end sessions of its own: only a superuser can forbid that';
END $$;
