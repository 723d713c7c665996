-- +goose Up

-- An object that is held is off everywhere until the hold is lifted or its time is over. The row outlives writes of the
-- object and goes with it.
CREATE TABLE holds (
    object_id TEXT NOT NULL PRIMARY KEY,
    reason    TEXT NOT NULL,
    held_by   TEXT NOT NULL,
    since     INTEGER NOT NULL,
    until     INTEGER
);
