-- Text that callers and records bring is kept as bytes: it may hold a zero, which `text` cannot.
-- Where it is looked up by, its hash is in the index: it may be longer than an index takes.
--
-- A payload over 32 KiB is kept once in `blob`; then the column that would hold it is null and
-- the one beside it, named `…_blob`, holds the hash.

CREATE TABLE definition (
    id     BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest TEXT NOT NULL UNIQUE,
    text   BYTEA NOT NULL
);

CREATE TABLE blob (
    hash  BYTEA PRIMARY KEY,
    bytes BYTEA NOT NULL
);

-- A partition of a topic; next_offset is null until something was admitted from there.
CREATE TABLE source (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic       TEXT NOT NULL,
    "partition" INTEGER NOT NULL,
    next_offset BIGINT,
    UNIQUE (topic, "partition")
);

-- Numbers are taken before rows are written, so that what belongs to a run goes along with it.
CREATE SEQUENCE run_id;

CREATE TABLE run (
    id              BIGINT PRIMARY KEY,
    status          TEXT NOT NULL CHECK (status IN ('ready', 'parked', 'succeeded', 'failed', 'cancelled')),
    wake_at         BIGINT,
    finished_at     BIGINT,
    created_at      BIGINT NOT NULL,
    public_id       BYTEA NOT NULL UNIQUE,
    pathway         TEXT NOT NULL,
    definition      BIGINT NOT NULL,
    subject         BYTEA,
    source          BIGINT,
    "offset"        BIGINT,
    lane            BYTEA,
    correlation     BYTEA,
    dedupe_id       BYTEA,
    idempotency_key BYTEA,
    input_hash      BYTEA,
    parent          BIGINT,
    started         BYTEA,
    started_blob    BYTEA,
    outcome         BYTEA,
    outcome_blob    BYTEA
);
CREATE UNIQUE INDEX run_position ON run (source, "offset", pathway) WHERE "offset" IS NOT NULL;
CREATE UNIQUE INDEX run_dedupe ON run (pathway, sha256(dedupe_id)) WHERE dedupe_id IS NOT NULL;
CREATE UNIQUE INDEX run_idempotency ON run (pathway, sha256(idempotency_key), sha256(coalesce(subject, '')))
    WHERE idempotency_key IS NOT NULL;
CREATE INDEX run_correlation ON run (sha256(correlation)) WHERE correlation IS NOT NULL;
CREATE INDEX run_parent ON run (parent) WHERE parent IS NOT NULL;
CREATE INDEX run_unfinished ON run (id, status) WHERE finished_at IS NULL;
CREATE INDEX run_finished ON run (finished_at, status) WHERE finished_at IS NOT NULL;
CREATE INDEX run_started_blob ON run (started_blob) WHERE started_blob IS NOT NULL;
CREATE INDEX run_outcome_blob ON run (outcome_blob) WHERE outcome_blob IS NOT NULL;

-- Event 0, `started`, is in the run's row.
CREATE TABLE event (
    run          BIGINT NOT NULL,
    seq          BIGINT NOT NULL,
    kind         TEXT NOT NULL,
    payload      BYTEA,
    payload_blob BYTEA,
    PRIMARY KEY (run, seq)
);
CREATE INDEX event_blob ON event (payload_blob) WHERE payload_blob IS NOT NULL;

CREATE TABLE stream (
    run        BIGINT NOT NULL,
    attempt    BIGINT NOT NULL,
    seq        BIGINT NOT NULL,
    value      BYTEA,
    value_blob BYTEA,
    PRIMARY KEY (run, attempt, seq)
);
CREATE INDEX stream_blob ON stream (value_blob) WHERE value_blob IS NOT NULL;

CREATE TABLE record (
    source     BIGINT NOT NULL,
    "offset"   BIGINT NOT NULL,
    time       BIGINT NOT NULL,
    "key"      BYTEA,
    headers    BYTEA,
    value      BYTEA,
    value_blob BYTEA,
    PRIMARY KEY (source, "offset")
);
CREATE INDEX record_blob ON record (value_blob) WHERE value_blob IS NOT NULL;

-- Records that runs sent to a bus outside of this store. Numbers are never used twice, so that
-- whoever reads on from one misses none.
CREATE TABLE outbox (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic      TEXT NOT NULL,
    "key"      BYTEA,
    headers    BYTEA,
    value      BYTEA,
    value_blob BYTEA,
    time       BIGINT NOT NULL,
    -- Why the bus will never take it.
    refused    TEXT
);
CREATE INDEX outbox_blob ON outbox (value_blob) WHERE value_blob IS NOT NULL;

-- Where each schedule stands: its last tick that is done with, and the run of the last that was
-- published.
CREATE TABLE schedule (
    pathway TEXT NOT NULL,
    name    TEXT NOT NULL,
    last    BIGINT NOT NULL,
    run     TEXT,
    PRIMARY KEY (pathway, name)
);

-- By which others know this store from another.
INSERT INTO meta VALUES ('store_id', substr(replace(gen_random_uuid()::text, '-', ''), 1, 16));
