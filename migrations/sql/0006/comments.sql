-- What a row of each view is, for `\d` and every other client that shows remarks.
SET LOCAL search_path = polis;
DO $$
DECLARE each record;
BEGIN
    FOR each IN SELECT view, name, summary FROM event_kinds LOOP
        EXECUTE format('COMMENT ON VIEW polis.%I IS %L', each.view, each.name || ': ' || each.summary);
    END LOOP;
    FOR each IN SELECT * FROM (VALUES
        ('events', 'an event of any kind, by the general columns'),
        ('heads', 'the newest tick of a run'),
        ('lineage', 'a stretch of ticks that a run reads of itself or an ancestor'),
        ('holdings', 'what an agent holds of a good after an event that changed it'),
        ('positions', 'where an agent is after an event that says so'),
        ('answers', 'an answer of a mind: who gave it, what it cost'),
        ('deliberations', 'an answer of a mind, with the very prompt and the very words'),
        ('agents', 'an agent who ever lived: who it is, where it came from, what became of it'),
        ('agent_history', 'an agent after an event of its own that changed its needs or its place'),
        ('exchanges', 'a barter, both sides of it, with its rate, and its price if coins changed hands'),
        ('conversation_turns', 'something said in a conversation, numbered from its first'),
        ('conversations', 'a conversation: who began it, how long it was, how it ended'),
        ('ties', 'a tie after something that made or changed it'),
        ('thoughts_answered', 'an answer of a mind as it took effect: why it was asked, what it changed, what it cost'),
        ('remembered', 'a memory: when it was formed and forgotten, what it rests on'),
        ('activity', 'how many events of a kind there were in 100 ticks'),
        ('footsteps', 'how many steps were made from a cell to another in 1,000 ticks'),
        ('samples', 'a living agent at a hundredth tick: place, needs, goods'),
        ('measures', 'a measure at a tick, as far as it was computed'),
        ('places', 'a cell of the grid: where it lies, what covers it')
    ) AS v (view, summary) LOOP
        EXECUTE format('COMMENT ON VIEW polis.%I IS %L', each.view, each.summary);
    END LOOP;
    FOR each IN SELECT * FROM (VALUES
        ('runs', 'a run: what it is made of'), ('ticks', 'a tick: how many events, the hashes'),
        ('leases', 'where a run stands'), ('inputs', 'what a run could not compute: answers and interventions'),
        ('late_inputs', 'an answer that came too late and was not used'), ('texts', 'a prompt or an answer, once'),
        ('stored_events', 'an event as it is stored; ask events instead'), ('stretches', 'a partition of events'),
        ('snapshots', 'a folded state, kept to seek faster'), ('tombstones', 'a run that was dropped'),
        ('event_kinds', 'a kind of event'), ('pause_requests', 'somebody asked a run''s writer to stop'),
        ('measure_blocks', 'a measure at the ticks of a block, as stored'), ('measure_names', 'what a measure means')
    ) AS t (name, summary) LOOP
        EXECUTE format('COMMENT ON TABLE polis.%I IS %L', each.name, each.summary);
    END LOOP;
END $$;
