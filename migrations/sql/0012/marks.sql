SET LOCAL search_path = polis;
-- A COPY gathers up to a thousand rows before it writes them, and pays their square for it (docs/decisions/0008). It
-- writes what it has gathered when a row is for a partition with a trigger before each row, which may want to see it.
-- So a row of run 0, which is nobody's, is a mark: it lets the rows before it be written, puts the header that it may
-- bring where headers are, and is not kept.
CREATE FUNCTION take_mark() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE header polis.ticks;
BEGIN
    IF NEW.tick <> 0 OR NEW.ordinal <> 0 OR NEW.kind <> 0 THEN
        RAISE EXCEPTION 'no run has the number 0' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.payload IS NOT NULL THEN
        header := convert_from(NEW.payload, 'UTF8')::polis.ticks;
        INSERT INTO polis.ticks VALUES (header.*);
    END IF;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION take_mark FROM PUBLIC;

-- Where the trigger were switched off a header would be lost and nobody told: then no row is taken at all.
CREATE TABLE copy_marks (LIKE stored_events INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE,
                         CONSTRAINT always_empty CHECK (false));
CREATE TRIGGER take_mark BEFORE INSERT ON copy_marks FOR EACH ROW EXECUTE FUNCTION take_mark();
ALTER TABLE copy_marks ENABLE ALWAYS TRIGGER take_mark;
SELECT guard('copy_marks');
GRANT SELECT ON copy_marks TO polis_app, polis_read, polis_maintenance;
ALTER TABLE stored_events ATTACH PARTITION copy_marks FOR VALUES FROM (0, MINVALUE) TO (0, MAXVALUE);
COMMENT ON TABLE copy_marks IS 'always empty: a row for it lets a COPY write what it has gathered, and brings the header of a tick';
