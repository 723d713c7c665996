-- +goose Up

-- What was last seen of a key manager's server, and when it is looked at again; version is that of the key manager when it
-- was looked at, 0 before that.
CREATE TABLE health (
    key_manager_id TEXT NOT NULL PRIMARY KEY REFERENCES key_managers (id) ON DELETE CASCADE,
    version        INTEGER NOT NULL,
    due_at         INTEGER NOT NULL,
    state          TEXT NOT NULL
);

-- What was measured at a time (span 0), or over a span of microseconds that began then.
CREATE TABLE health_samples (
    key_manager_id TEXT NOT NULL REFERENCES key_managers (id) ON DELETE CASCADE,
    at             INTEGER NOT NULL,
    span           INTEGER NOT NULL,
    measured       TEXT NOT NULL,
    PRIMARY KEY (key_manager_id, at, span)
);
