SET LOCAL search_path = polis;
DROP FUNCTION refuse_ticks;
