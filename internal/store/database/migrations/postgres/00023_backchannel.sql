-- +goose Up

-- The session at the key manager's server (sid) that one at the console came of, by which that server ends it.
ALTER TABLE console_sessions ADD COLUMN sid TEXT NOT NULL DEFAULT '';
