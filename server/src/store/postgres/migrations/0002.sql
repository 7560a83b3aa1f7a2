-- Counts the owners of a partition's runs.
ALTER TABLE source ADD COLUMN epoch BIGINT NOT NULL DEFAULT 0;
-- From now on children have the source of the run that called them, and no offset in it.
CREATE INDEX run_home ON run (source, id) WHERE finished_at IS NULL;

-- Of the run that sent it.
ALTER TABLE outbox ADD COLUMN source BIGINT;
CREATE INDEX outbox_source ON outbox (source, id);

-- What runs are told by others, until they have received it.
CREATE TABLE inbox (
    id      BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run     BIGINT NOT NULL,
    payload BYTEA NOT NULL
);
CREATE INDEX inbox_run ON inbox (run);
