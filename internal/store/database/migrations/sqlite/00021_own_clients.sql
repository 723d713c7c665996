-- +goose Up

-- The console's own clients at key managers' servers. They outlive their key manager, until they are deleted there.
CREATE TABLE own_clients (
    id             TEXT NOT NULL PRIMARY KEY,
    key_manager_id TEXT NOT NULL,
    tenant         TEXT NOT NULL,
    key_manager    TEXT NOT NULL,
    state          TEXT NOT NULL,
    client_id      TEXT NOT NULL,
    method         TEXT NOT NULL,
    body           TEXT NOT NULL,
    sealed         TEXT NOT NULL,
    changed_at     INTEGER NOT NULL,
    version        INTEGER NOT NULL
);
CREATE INDEX own_clients_key_manager ON own_clients (key_manager_id);
CREATE UNIQUE INDEX own_clients_used ON own_clients (key_manager_id)
    WHERE state IN ('active', 'rotating', 'updating', 'drifted');
CREATE UNIQUE INDEX own_clients_pending ON own_clients (key_manager_id) WHERE state = 'pending';
