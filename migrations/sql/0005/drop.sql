SET LOCAL search_path = polis;
DROP VIEW measures;
DROP TABLE measure_blocks, measure_names, pause_requests;
