-- Messages are read by the partition that their runs belong to, or by run, in order and from where reading
-- was left. The transaction that left one tells whether others may still come before it.
ALTER TABLE inbox ADD COLUMN source BIGINT;
ALTER TABLE inbox ADD COLUMN posted_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE inbox ADD COLUMN change BIGINT NOT NULL DEFAULT txid_current();
UPDATE inbox SET source = run.source, posted_at = floor(extract(epoch FROM now()) * 1000)
    FROM run WHERE run.id = inbox.run;
DROP INDEX inbox_run;
CREATE INDEX inbox_run ON inbox (run, change, id);
CREATE INDEX inbox_source ON inbox (source, change, id);
CREATE INDEX inbox_change ON inbox (change, id);
