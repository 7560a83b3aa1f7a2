-- A payload over 32 KiB is kept once in `blob`; then the column that would hold it is null and
-- the one beside it, named `…_blob`, holds the blob's id.

CREATE TABLE definition (
    id     INTEGER PRIMARY KEY,
    digest TEXT NOT NULL UNIQUE,
    text   TEXT NOT NULL
);

CREATE TABLE blob (
    id    INTEGER PRIMARY KEY,
    hash  BLOB NOT NULL UNIQUE,
    bytes BLOB NOT NULL
);

-- A partition of a topic; next_offset is null until something was admitted from there.
CREATE TABLE source (
    id          INTEGER PRIMARY KEY,
    topic       TEXT NOT NULL,
    "partition" INTEGER NOT NULL,
    next_offset INTEGER,
    UNIQUE (topic, "partition")
);

-- What changes stands first, so that it is read without the payloads.
CREATE TABLE run (
    id              INTEGER PRIMARY KEY,
    -- No `IN`: SQLite would build a table of its list for every row.
    status          TEXT NOT NULL CHECK (status = 'succeeded' OR status = 'ready' OR status = 'parked'
                        OR status = 'failed' OR status = 'cancelled'),
    wake_at         INTEGER,
    finished_at     INTEGER,
    created_at      INTEGER NOT NULL,
    public_id       TEXT NOT NULL UNIQUE,
    pathway         TEXT NOT NULL,
    definition      INTEGER NOT NULL,
    subject         TEXT,
    source          INTEGER,
    "offset"        INTEGER,
    lane            TEXT,
    correlation     TEXT,
    dedupe_id       TEXT,
    idempotency_key TEXT,
    input_hash      BLOB,
    parent          INTEGER,
    started         BLOB,
    started_blob    INTEGER,
    outcome         BLOB,
    outcome_blob    INTEGER
);
CREATE UNIQUE INDEX run_position ON run (source, "offset", pathway) WHERE "offset" IS NOT NULL;
CREATE UNIQUE INDEX run_dedupe ON run (pathway, dedupe_id) WHERE dedupe_id IS NOT NULL;
CREATE UNIQUE INDEX run_idempotency ON run (pathway, idempotency_key, ifnull(subject, ''))
    WHERE idempotency_key IS NOT NULL;
CREATE INDEX run_correlation ON run (correlation) WHERE correlation IS NOT NULL;
CREATE INDEX run_parent ON run (parent) WHERE parent IS NOT NULL;
CREATE INDEX run_unfinished ON run (id, status) WHERE finished_at IS NULL;
CREATE INDEX run_finished ON run (finished_at, status) WHERE finished_at IS NOT NULL;
CREATE INDEX run_started_blob ON run (started_blob) WHERE started_blob IS NOT NULL;
CREATE INDEX run_outcome_blob ON run (outcome_blob) WHERE outcome_blob IS NOT NULL;

-- Event 0, `started`, is in the run's row.
CREATE TABLE event (
    run          INTEGER NOT NULL,
    seq          INTEGER NOT NULL,
    kind         TEXT NOT NULL,
    payload      BLOB,
    payload_blob INTEGER,
    PRIMARY KEY (run, seq)
) WITHOUT ROWID;
CREATE INDEX event_blob ON event (payload_blob) WHERE payload_blob IS NOT NULL;

CREATE TABLE stream (
    run        INTEGER NOT NULL,
    attempt    INTEGER NOT NULL,
    seq        INTEGER NOT NULL,
    value      BLOB,
    value_blob INTEGER,
    PRIMARY KEY (run, attempt, seq)
) WITHOUT ROWID;
CREATE INDEX stream_blob ON stream (value_blob) WHERE value_blob IS NOT NULL;

CREATE TABLE record (
    source     INTEGER NOT NULL,
    "offset"   INTEGER NOT NULL,
    time       INTEGER NOT NULL,
    "key"      BLOB,
    headers    BLOB,
    value      BLOB,
    value_blob INTEGER,
    PRIMARY KEY (source, "offset")
) WITHOUT ROWID;
CREATE INDEX record_blob ON record (value_blob) WHERE value_blob IS NOT NULL;
