SET LOCAL search_path = polis;
DROP TABLE copy_marks;
DROP FUNCTION take_mark;
