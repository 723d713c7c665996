-- +goose Up

-- A client with match has no client id but a rule, in its one spelling; a rule is there once in a key manager.
ALTER TABLE oauth_clients ADD COLUMN rule TEXT NOT NULL DEFAULT '';
CREATE UNIQUE INDEX oauth_clients_rule ON oauth_clients (key_manager_id, rule) WHERE rule <> '';
