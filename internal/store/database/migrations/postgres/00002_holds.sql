-- +goose Up

-- An object that is held is off everywhere until the hold is lifted or its time is over. The row outlives writes of the
-- object and goes with it.
CREATE TABLE holds (
    object_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    reason    TEXT NOT NULL,
    held_by   TEXT COLLATE "C" NOT NULL,
    since     BIGINT NOT NULL,
    until     BIGINT
);
