-- +goose Up

-- By which people tell their sessions apart: what the browser said that it is.
ALTER TABLE console_sessions ADD COLUMN agent TEXT NOT NULL DEFAULT '';
CREATE INDEX console_sessions_tenant ON console_sessions (tenant, seen_at);
