-- Where a process is at work that has not said that it ends: with a partition, or, where no topic is
-- named, with the whole store.
CREATE TABLE at_work (
    topic       TEXT NOT NULL,
    "partition" INTEGER NOT NULL,
    PRIMARY KEY (topic, "partition")
);

-- Runs that were under way when a process ended in a crash: how often each was taken up in a row with
-- `seq` the number of the next event of its journal.
CREATE TABLE taken_up (
    run   BIGINT PRIMARY KEY,
    times BIGINT NOT NULL,
    seq   BIGINT NOT NULL
);
