-- +goose Up

-- Browsers that are signed in at a tenant's resident authorization server; kept is the SHA-256 of what they hold.
CREATE TABLE resident_browsers (
    id         TEXT NOT NULL PRIMARY KEY,
    hash       BLOB NOT NULL,
    tenant     TEXT NOT NULL,
    user_id    TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    stamp      TEXT NOT NULL,
    since      INTEGER NOT NULL,
    seen_at    INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
);
CREATE UNIQUE INDEX resident_browsers_hash ON resident_browsers (hash);
CREATE INDEX resident_browsers_user ON resident_browsers (user_id);

-- What a user let a client have in one authorization: everything that comes of it ends with it.
CREATE TABLE resident_grants (
    id         TEXT NOT NULL PRIMARY KEY,
    tenant     TEXT NOT NULL,
    client_id  TEXT NOT NULL,
    user_id    TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    signin_id  TEXT NOT NULL,
    offline    INTEGER NOT NULL,
    stamp      TEXT NOT NULL,
    scopes     TEXT NOT NULL,
    nonce      TEXT NOT NULL,
    since      INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER
);
CREATE INDEX resident_grants_user ON resident_grants (user_id);
CREATE INDEX resident_grants_expiry ON resident_grants (expires_at);

CREATE TABLE resident_codes (
    hash       BLOB NOT NULL PRIMARY KEY,
    grant_id   TEXT NOT NULL REFERENCES resident_grants (id) ON DELETE CASCADE,
    redirect   TEXT NOT NULL,
    challenge  TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at    INTEGER
);
CREATE INDEX resident_codes_grant ON resident_codes (grant_id);

CREATE TABLE resident_refreshes (
    hash     BLOB NOT NULL PRIMARY KEY,
    grant_id TEXT NOT NULL REFERENCES resident_grants (id) ON DELETE CASCADE,
    used_at  INTEGER
);
CREATE INDEX resident_refreshes_grant ON resident_refreshes (grant_id);

CREATE TABLE resident_consents (
    user_id   TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client_id TEXT NOT NULL,
    scopes    TEXT NOT NULL,
    at        INTEGER NOT NULL,
    PRIMARY KEY (user_id, client_id)
);

-- One-time links with which a user chooses a password: one for each.
CREATE TABLE user_resets (
    user_id    TEXT NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    hash       BLOB NOT NULL,
    stamp      TEXT NOT NULL,
    expires_at INTEGER NOT NULL
);
CREATE UNIQUE INDEX user_resets_hash ON user_resets (hash);
