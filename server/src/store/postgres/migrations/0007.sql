-- What is over is forgotten by pathway and by how it ended, each after a time of its own.
DROP INDEX run_finished;
CREATE INDEX run_over ON run (pathway, status, finished_at) WHERE finished_at IS NOT NULL;
