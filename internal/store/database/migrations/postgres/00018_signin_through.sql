-- +goose Up

-- The sealed ID token with which a person who came by a key manager signs out there.
ALTER TABLE console_sessions ADD COLUMN hint TEXT NOT NULL DEFAULT '';
