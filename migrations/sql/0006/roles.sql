SET LOCAL search_path = polis;
-- What a session of the reading role begins with. It can choose its own limits, as any role can; `polis sql` also
-- watches from outside. Files that a query spills to are limited for good: only a superuser may set that one.
-- Any role may make large objects, in whatever database: a way to write that a role which only reads must not have.
DO $$
BEGIN
    REVOKE EXECUTE ON FUNCTION pg_catalog.lo_creat(int4), pg_catalog.lo_create(oid), pg_catalog.lo_from_bytea(oid, bytea)
        FROM PUBLIC;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'polis_read may make large objects: only a superuser can forbid that';
END $$;

DO $$
DECLARE setting text;
BEGIN
    FOREACH setting IN ARRAY ARRAY['default_transaction_read_only = on', 'statement_timeout = ''10min''',
                                   'idle_in_transaction_session_timeout = ''10min''',
                                   'client_connection_check_interval = ''2s''', 'temp_file_limit = ''8GB'''] LOOP
        BEGIN
            EXECUTE format('ALTER ROLE polis_read IN DATABASE %I SET %s', current_database(), setting);
        EXCEPTION WHEN insufficient_privilege THEN
            RAISE NOTICE 'polis_read begins without %', setting;  -- somebody's own server, which sets its own limits
        END;
    END LOOP;
END $$;
