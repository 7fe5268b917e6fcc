GRANT USAGE ON SCHEMA polis TO polis_app, polis_read, polis_maintenance;
GRANT SELECT ON ALL TABLES IN SCHEMA polis TO polis_app, polis_read, polis_maintenance;
GRANT INSERT ON runs, ticks, stored_events, inputs, late_inputs, snapshots, texts TO polis_app;
GRANT INSERT, UPDATE ON leases TO polis_app;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA polis FROM PUBLIC;
GRANT EXECUTE ON FUNCTION open_run, open_stretch, close_stretch TO polis_app;
GRANT EXECUTE ON FUNCTION drop_run TO polis_maintenance;
