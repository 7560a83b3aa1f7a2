-- Who does what a step with `once` does for a key, or has done it.
CREATE TABLE claim (
    pathway  TEXT NOT NULL,
    step     TEXT NOT NULL,
    "key"    BYTEA NOT NULL,
    run      BIGINT NOT NULL,
    instance TEXT NOT NULL,
    -- Until when it is kept that it is done; null until it is.
    expires  BIGINT
);
CREATE UNIQUE INDEX claim_key ON claim (pathway, step, sha256("key"));
CREATE INDEX claim_held ON claim (run) WHERE expires IS NULL;
CREATE INDEX claim_done ON claim (expires) WHERE expires IS NOT NULL;
