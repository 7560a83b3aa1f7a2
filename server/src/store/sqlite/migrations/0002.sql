-- Records that runs sent to a bus outside of this store. Numbers are never used twice, so that
-- whoever reads on from one misses none.
CREATE TABLE outbox (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    topic      TEXT NOT NULL,
    "key"      BLOB,
    headers    BLOB,
    value      BLOB,
    value_blob INTEGER,
    time       INTEGER NOT NULL,
    -- Why the bus will never take it.
    refused    TEXT
);
CREATE INDEX outbox_blob ON outbox (value_blob) WHERE value_blob IS NOT NULL;
CREATE INDEX outbox_refused ON outbox (id) WHERE refused IS NOT NULL;

-- By which others know this store from another.
INSERT INTO meta VALUES ('store_id', lower(hex(randomblob(8))));
