-- +goose Up

-- Users with a role of which there are few among very many; who reads looks whether it is a role and not a group of that name.
CREATE INDEX users_admin ON users (tenant, name) WHERE spec LIKE '%"admin"%';
CREATE INDEX users_auditor ON users (tenant, name) WHERE spec LIKE '%"auditor"%';
CREATE INDEX users_publisher ON users (tenant, name) WHERE spec LIKE '%"publisher"%';
