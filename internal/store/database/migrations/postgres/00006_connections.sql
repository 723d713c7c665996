-- +goose Up

-- Credentials that several key managers use to manage clients.
CREATE TABLE connections (
    id          TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    tenant      TEXT COLLATE "C" NOT NULL,
    name        TEXT COLLATE "C" NOT NULL,
    set_name    TEXT NOT NULL,
    version     BIGINT NOT NULL,
    spec        TEXT NOT NULL,
    status      TEXT NOT NULL,
    sealed      TEXT NOT NULL,
    gateway_row TEXT NOT NULL,
    search      TEXT NOT NULL,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL,
    FOREIGN KEY (tenant) REFERENCES tenants (name)
);
CREATE UNIQUE INDEX connections_name ON connections (tenant, name);

-- NULL = the key manager has credentials of its own.
ALTER TABLE key_managers ADD COLUMN connection_id TEXT COLLATE "C" REFERENCES connections (id);
CREATE INDEX key_managers_connection ON key_managers (connection_id);
