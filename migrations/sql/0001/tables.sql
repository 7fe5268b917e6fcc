-- Runs never change: what a run is made of. What goes on with it stands in `leases`.
CREATE TABLE runs (
    run             int4 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name            text NOT NULL UNIQUE CHECK (name ~ '^[a-z][a-z0-9_-]{0,62}$'),
    seed            int8 NOT NULL,
    configuration   text NOT NULL,       -- canonical JSON; what the genesis hash covers
    genesis_hash    bytea NOT NULL CHECK (length(genesis_hash) = 32),
    rules_version   int4 NOT NULL,
    state_version   int4 NOT NULL,
    hashing_version int4 NOT NULL,
    parent          int4 REFERENCES runs, -- a fork reads its parent's history up to fork_tick
    fork_tick       int4 CHECK ((parent IS NULL) = (fork_tick IS NULL)),
    engines         jsonb NOT NULL DEFAULT '{}',
    release         text NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now()
);

-- Who may write a run now, and how far it is to go. The only table whose rows change.
CREATE TABLE leases (
    run        int4 PRIMARY KEY REFERENCES runs,
    epoch      int4 NOT NULL DEFAULT 0,  -- raised by every takeover; a writer of an older epoch is refused
    status     text NOT NULL DEFAULT 'paused'
               CHECK (status IN ('running', 'paused', 'complete', 'degraded', 'failed')),
    target     int4 NOT NULL,            -- the tick at which the run is complete
    holder     text,                     -- host and process, for people
    backend    int4,                     -- server process of the holder's connection
    problem    text,                     -- why degraded or failed
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- Headers. A tick exists when its row here does; readers stop at the newest.
CREATE TABLE ticks (
    run           int4 NOT NULL,
    tick          int4 NOT NULL CHECK (tick >= 0),
    events        int4 NOT NULL,
    catalogue     int2 NOT NULL,  -- version of the event definitions that wrote it
    events_hash   bytea NOT NULL,
    state_hash    bytea NOT NULL,
    chain_hash    bytea NOT NULL,
    area_personas int8 NOT NULL,  -- hashes of the areas of state: where two runs part, and in what
    area_agents   int8 NOT NULL,
    area_goods    int8 NOT NULL,
    area_ties     int8 NOT NULL,
    area_cells    int8 NOT NULL,
    PRIMARY KEY (run, tick)
) PARTITION BY LIST (run);

-- Events as stored: one row an event, no index while a stretch is hot. Read them through the view
-- `events` or the view of their kind, which unpack the 64-bit columns and the payload.
CREATE TABLE stored_events (
    run     int4 NOT NULL,
    tick    int4 NOT NULL,
    ordinal int4 NOT NULL,
    agent   int4,
    cause   int8,   -- tick << 32 | ordinal of the event that directly led to this one
    needs   int8,   -- energy << 32 | satiety << 16 | company, afterwards
    given   int8,   -- good << 56 | quantity << 28 | holding afterwards
    taken   int8,   -- the same for the other good
    target  int4,
    cell    int4,
    detail  int4,
    kind    int2 NOT NULL,
    payload bytea   -- canonical JSON
) PARTITION BY RANGE (run, tick);

-- The leaves of stored_events: one a stretch of ticks.
CREATE TABLE stretches (
    run        int4 NOT NULL REFERENCES runs,
    tick_first int4 NOT NULL,
    tick_end   int4 NOT NULL CHECK (tick_end > tick_first),  -- exclusive
    leaf       text NOT NULL UNIQUE,
    closed     bool NOT NULL DEFAULT false,                  -- it has the indexes of closed stretches
    PRIMARY KEY (run, tick_first)
);

-- Whatever can't be computed again, once, before it is used.
CREATE TABLE inputs (
    run         int4 NOT NULL,
    asked_tick  int4 NOT NULL,
    agent       int4 NOT NULL,
    purpose     text NOT NULL,
    call        int4 NOT NULL,
    effect_tick int4 NOT NULL CHECK (effect_tick > asked_tick),
    answer      bytea NOT NULL,   -- canonical JSON
    digest      bytea NOT NULL,   -- SHA-256 of key, effect tick and answer
    asked_chain bytea,            -- chain hash of the asking tick: equal chains are equal pasts
    engine      text,
    latency_ms  int4,
    tokens_in   int4,
    tokens_out  int4,
    attempts    int4,
    retrieved   jsonb,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (run, asked_tick, agent, purpose, call)
) PARTITION BY LIST (run);
CREATE INDEX inputs_by_effect ON inputs (run, effect_tick);

-- Answers that came after the first: counted, never used.
CREATE TABLE late_inputs (
    run         int4 NOT NULL REFERENCES runs,
    asked_tick  int4 NOT NULL,
    agent       int4 NOT NULL,
    purpose     text NOT NULL,
    call        int4 NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now()
);

-- Folded states: a cache. Losing one costs time; a wrong one is found by its digest and passed over.
CREATE TABLE snapshots (
    run           int4 NOT NULL,
    tick          int4 NOT NULL,
    state_version int4 NOT NULL,
    state_hash    bytea NOT NULL,
    digest        bytea NOT NULL,  -- SHA-256 of data
    data          bytea NOT NULL,  -- zstd of the state's canonical bytes
    PRIMARY KEY (run, tick)
) PARTITION BY LIST (run);
ALTER TABLE snapshots ALTER COLUMN data SET STORAGE EXTERNAL;

-- Prompts, answers, memories: each text once a run, by its content hash.
CREATE TABLE texts (
    run  int4 NOT NULL,
    hash bytea NOT NULL,
    body text NOT NULL,
    PRIMARY KEY (run, hash)
) PARTITION BY LIST (run);

-- What is left of a run that was dropped.
CREATE TABLE tombstones (
    run        int4 PRIMARY KEY,
    name       text NOT NULL,
    seed       int8 NOT NULL,
    head_tick  int4,
    head_hash  bytea,
    why        text NOT NULL,
    dropped_at timestamptz NOT NULL DEFAULT now()
);
