-- Messages are read by the partition that their runs belong to, from where reading was left.
ALTER TABLE inbox ADD COLUMN source INTEGER;
ALTER TABLE inbox ADD COLUMN posted_at INTEGER NOT NULL DEFAULT 0;
UPDATE inbox SET source = (SELECT source FROM run WHERE run.id = inbox.run),
    posted_at = CAST(strftime('%s', 'now') AS INTEGER) * 1000;
CREATE INDEX inbox_source ON inbox (source, id);
