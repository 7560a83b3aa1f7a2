-- Where each schedule stands: its last tick that is done with, and the run of the last that was
-- published.
CREATE TABLE schedule (
    pathway TEXT NOT NULL,
    name    TEXT NOT NULL,
    last    INTEGER NOT NULL,
    run     TEXT,
    PRIMARY KEY (pathway, name)
) WITHOUT ROWID;
