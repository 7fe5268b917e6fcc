SET LOCAL search_path = polis;
DO $$
DECLARE n int8; object text;
BEGIN
    SELECT count(*) INTO n FROM runs;
    IF n > 0 THEN
        RAISE EXCEPTION 'the schema holds % runs, and history can not be made again', n
            USING HINT = 'Drop each run first, with `polis drop`.';
    END IF;
    FOR object IN SELECT format('%I', viewname) FROM pg_views WHERE schemaname = 'polis' LOOP
        EXECUTE 'DROP VIEW IF EXISTS ' || object || ' CASCADE';
    END LOOP;
    FOR object IN SELECT format('%I', tablename) FROM pg_tables
                  WHERE schemaname = 'polis' AND tablename <> 'alembic_version' LOOP
        EXECUTE 'DROP TABLE IF EXISTS ' || object || ' CASCADE';
    END LOOP;
    FOR object IN SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'polis'::regnamespace LOOP
        EXECUTE 'DROP FUNCTION IF EXISTS ' || object || ' CASCADE';
    END LOOP;
END $$;
