-- History is append-only. Grants refuse the application; these triggers refuse its owner too, and
-- stand on every partition, since a statement trigger on a parent does not guard its partitions.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('polis.dropping_run', true) IS DISTINCT FROM 'on' THEN
        RAISE EXCEPTION 'history is append-only: % on %.% is refused', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
            USING ERRCODE = 'insufficient_privilege',
                  HINT = 'fork the run to change its future, or drop it whole with polis.drop_run()';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION guard(history regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON %s '
                   'FOR EACH STATEMENT EXECUTE FUNCTION polis.refuse_change()', history);
    EXECUTE format('CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON %s '
                   'FOR EACH STATEMENT EXECUTE FUNCTION polis.refuse_change()', history);
END $$;

-- Leases change, but none goes away except with its run.
CREATE TRIGGER refuse_delete BEFORE DELETE ON leases FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON leases FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

SELECT guard(t::regclass) FROM unnest(ARRAY['runs', 'ticks', 'stored_events', 'inputs', 'late_inputs',
                                            'snapshots', 'texts', 'tombstones']) t;
