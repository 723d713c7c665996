-- +goose Up

-- What the key manager is to be told about a generated client: a change that may concern it makes its turn grow, and it
-- is carried out when settled has caught up.
CREATE TABLE entitlements (
    client_id TEXT NOT NULL PRIMARY KEY REFERENCES oauth_clients (id) ON DELETE CASCADE,
    turn      INTEGER NOT NULL,
    settled   INTEGER NOT NULL,
    due_at    INTEGER NOT NULL,
    tries     INTEGER NOT NULL,
    asked     TEXT NOT NULL,
    progress  TEXT NOT NULL
);
CREATE INDEX entitlements_due ON entitlements (due_at) WHERE settled < turn;

INSERT INTO entitlements (client_id, turn, settled, due_at, tries, asked, progress)
    SELECT id, 1, 0, 0, 0, 'null', '{}' FROM oauth_clients
    WHERE state = 'active' AND status LIKE '%"mode":"generated"%';
