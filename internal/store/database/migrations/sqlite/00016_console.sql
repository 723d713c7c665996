-- +goose Up

-- Browsers that are signed in at the console; kept is the SHA-256 of what they hold. Whoever came by a key manager has no
-- user_id, and roles and groups as that server's claims gave them.
CREATE TABLE console_sessions (
    id             TEXT NOT NULL PRIMARY KEY,
    hash           BLOB NOT NULL,
    tenant         TEXT NOT NULL REFERENCES tenants (name) ON DELETE CASCADE,
    user_id        TEXT REFERENCES users (id) ON DELETE CASCADE,
    key_manager_id TEXT REFERENCES key_managers (id) ON DELETE CASCADE,
    subject        TEXT NOT NULL,
    shown          TEXT NOT NULL,
    roles          TEXT NOT NULL,
    groups_of      TEXT NOT NULL,
    stamp          TEXT NOT NULL,
    signin_id      TEXT NOT NULL,
    since          INTEGER NOT NULL,
    seen_at        INTEGER NOT NULL,
    expires_at     INTEGER NOT NULL
);
CREATE UNIQUE INDEX console_sessions_hash ON console_sessions (hash);
CREATE INDEX console_sessions_user ON console_sessions (user_id);
CREATE INDEX console_sessions_key_manager ON console_sessions (key_manager_id);
