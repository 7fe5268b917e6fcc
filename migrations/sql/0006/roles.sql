SET LOCAL search_path = polis;
-- What a session of the reading role begins with. It can choose its own limits, as any role can; `polis sql` also
-- watches from outside. Files that a query spills to are limited for good: only a superuser may set that one.
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
