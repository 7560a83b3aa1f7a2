-- What each process that writes has committed last. A day after it was seen last, a process that is
-- there no more is forgotten.
CREATE TABLE writer (
    process TEXT PRIMARY KEY,
    number  BIGINT NOT NULL,
    seen    TIMESTAMPTZ NOT NULL DEFAULT now()
) WITH (fillfactor = 50);
