-- Events and records lie in the order in which they come, so that a commit writes few pages. Rows as large
-- as these were put between others by their keys, and in the inner pages of the tree too.

CREATE TABLE event_in_order (
    run          INTEGER NOT NULL,
    seq          INTEGER NOT NULL,
    kind         TEXT NOT NULL,
    payload      BLOB,
    payload_blob INTEGER
);
INSERT INTO event_in_order SELECT run, seq, kind, payload, payload_blob FROM event ORDER BY run, seq;
DROP TABLE event;
ALTER TABLE event_in_order RENAME TO event;
CREATE UNIQUE INDEX event_of_run ON event (run, seq);
CREATE INDEX event_blob ON event (payload_blob) WHERE payload_blob IS NOT NULL;

CREATE TABLE record_in_order (
    source     INTEGER NOT NULL,
    "offset"   INTEGER NOT NULL,
    time       INTEGER NOT NULL,
    "key"      BLOB,
    headers    BLOB,
    value      BLOB,
    value_blob INTEGER
);
INSERT INTO record_in_order SELECT source, "offset", time, "key", headers, value, value_blob
    FROM record ORDER BY source, "offset";
DROP TABLE record;
ALTER TABLE record_in_order RENAME TO record;
CREATE UNIQUE INDEX record_of_source ON record (source, "offset");
CREATE INDEX record_blob ON record (value_blob) WHERE value_blob IS NOT NULL;
