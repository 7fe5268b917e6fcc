SET LOCAL search_path = polis;
-- A tick's transaction is one query string, so the server itself must refuse what the writer may not write:
-- raised in the middle, it takes the rest of the string with it. The codes are those of infrastructure/tick_writer.py.
CREATE FUNCTION refuse_ticks(code text) RETURNS int4 LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'these ticks are refused' USING ERRCODE = code,
        DETAIL = CASE code WHEN 'PL001' THEN 'another runner has taken the run over'
                           WHEN 'PL002' THEN 'an input was recorded that they were decided without' END;
END $$;
REVOKE ALL ON FUNCTION refuse_ticks FROM PUBLIC;
GRANT EXECUTE ON FUNCTION refuse_ticks TO polis_app;
