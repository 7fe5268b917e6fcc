-- What was said in the longest conversation?
SELECT t.turn, t.tick, a.name AS speaker, t.act, t.text
FROM conversation_turns t
JOIN agents a ON a.agent = t.agent
WHERE t.conversation = (
    SELECT conversation FROM conversations ORDER BY turns DESC, opened, conversation LIMIT 1
)
ORDER BY t.turn;
