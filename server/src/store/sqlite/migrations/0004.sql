-- Counts the owners of a partition's runs.
ALTER TABLE source ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;
-- From now on children have the source of the run that called them, and no offset in it.

-- Of the run that sent it.
ALTER TABLE outbox ADD COLUMN source INTEGER;

-- What runs are told by others, until they have received it.
CREATE TABLE inbox (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    run     INTEGER NOT NULL,
    payload BLOB NOT NULL
);
CREATE INDEX inbox_run ON inbox (run);
