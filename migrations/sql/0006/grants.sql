SET LOCAL search_path = polis;
DO $$
DECLARE object text;
BEGIN
    FOR object IN SELECT format('%I', viewname) FROM pg_views WHERE schemaname = 'polis' LOOP
        EXECUTE format('GRANT SELECT ON %s TO polis_app, polis_read, polis_maintenance', object);
    END LOOP;
END $$;
SELECT make_run_views();
