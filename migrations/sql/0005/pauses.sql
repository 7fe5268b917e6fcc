SET LOCAL search_path = polis;
-- Somebody asks a run's writer to stop. It concerns the lease of one epoch: whoever holds it looks now and then,
-- beside the ticks, and a later writer is not told to stop for what was asked of an earlier one.
CREATE TABLE pause_requests (
    run      int4 PRIMARY KEY REFERENCES runs ON DELETE CASCADE,
    epoch    int4 NOT NULL,
    tick     int4 NOT NULL,  -- stop once this tick is reached; one that has passed: at once
    because  text NOT NULL,
    asked_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT ON pause_requests TO polis_app, polis_read, polis_maintenance;
GRANT INSERT, UPDATE ON pause_requests TO polis_app;
