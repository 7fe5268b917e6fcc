SET LOCAL search_path = polis;
DROP SCHEMA polis_run CASCADE;
DROP VIEW activity, footsteps, samples;
DROP SCHEMA polis_rollup CASCADE;
DROP FUNCTION is_rare, rolled_through, still_rolled, open_rollup, roll_up, add_samples, gather_statistics, drop_rollup, forget_rollup;
DROP VIEW agents, agent_history, exchanges, conversations, conversation_turns, ties, thoughts_answered, remembered, places,
    answers;
DROP FUNCTION make_run_views, ancestor, current_run, chosen_run, still_scoped, scope;
DO $$
BEGIN
    GRANT EXECUTE ON FUNCTION pg_catalog.lo_creat(int4), pg_catalog.lo_create(oid), pg_catalog.lo_from_bytea(oid, bytea)
        TO PUBLIC;
EXCEPTION WHEN insufficient_privilege THEN NULL;
END $$;
DO $$
DECLARE setting text;
BEGIN
    FOREACH setting IN ARRAY ARRAY['default_transaction_read_only', 'statement_timeout', 'idle_in_transaction_session_timeout',
                                   'client_connection_check_interval', 'temp_file_limit'] LOOP
        BEGIN
            EXECUTE format('ALTER ROLE polis_read IN DATABASE %I RESET %s', current_database(), setting);
        EXCEPTION WHEN insufficient_privilege THEN NULL;
        END;
    END LOOP;
END $$;
