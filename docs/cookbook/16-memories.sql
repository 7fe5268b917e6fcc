-- What do people remember, and for how long?
-- Ticks are those of memories that were forgotten. Most were kept to the end of the run or of a life, so a memory
-- lasts longer than that.
SELECT memory_kind, count(*) AS formed, avg(importance) AS importance, count(forgotten) AS forgotten,
       avg(forgotten - born) AS ticks_until_forgotten
FROM remembered
GROUP BY memory_kind
ORDER BY formed DESC, memory_kind;
