-- The public id of the run that a run runs again.
ALTER TABLE run ADD COLUMN rerun_of BYTEA;
CREATE INDEX run_rerun_of ON run (rerun_of) WHERE rerun_of IS NOT NULL;
