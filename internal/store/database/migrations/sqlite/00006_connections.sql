-- +goose Up

-- Credentials that several key managers use to manage clients.
CREATE TABLE connections (
    id          TEXT NOT NULL PRIMARY KEY,
    tenant      TEXT NOT NULL,
    name        TEXT NOT NULL,
    set_name    TEXT NOT NULL,
    version     INTEGER NOT NULL,
    spec        TEXT NOT NULL,
    status      TEXT NOT NULL,
    sealed      TEXT NOT NULL,
    gateway_row TEXT NOT NULL,
    search      TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    FOREIGN KEY (tenant) REFERENCES tenants (name)
);
CREATE UNIQUE INDEX connections_name ON connections (tenant, name);

-- NULL = the key manager has credentials of its own.
ALTER TABLE key_managers ADD COLUMN connection_id TEXT REFERENCES connections (id);
CREATE INDEX key_managers_connection ON key_managers (connection_id);
