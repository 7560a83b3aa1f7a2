-- Who does what a step with `once` does for a key, or has done it.
CREATE TABLE claim (
    pathway  TEXT NOT NULL,
    step     TEXT NOT NULL,
    "key"    TEXT NOT NULL,
    run      INTEGER NOT NULL,
    instance TEXT NOT NULL,
    -- Until when it is kept that it is done; null until it is.
    expires  INTEGER,
    PRIMARY KEY (pathway, step, "key")
) WITHOUT ROWID;
CREATE INDEX claim_held ON claim (run) WHERE expires IS NULL;
CREATE INDEX claim_done ON claim (expires) WHERE expires IS NOT NULL;
