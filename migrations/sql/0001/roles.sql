-- Three roles: polis_app appends, polis_read looks, polis_maintenance drops whole runs.
-- Roles belong to the server, not to the database, so they may be there already.
DO $$
DECLARE role text;
BEGIN
    FOREACH role IN ARRAY ARRAY['polis_app', 'polis_read', 'polis_maintenance'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', role);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;  -- another database migrates right now
            END;
        END IF;
        EXECUTE format('ALTER ROLE %I IN DATABASE %I SET search_path = polis, public', role, current_database());
    END LOOP;
END $$;
SET LOCAL search_path = polis;
