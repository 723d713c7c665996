-- +goose Up

-- A global key manager, of the tenant default, is offered in every tenant.
ALTER TABLE key_managers ADD COLUMN is_global BOOLEAN NOT NULL DEFAULT FALSE;

-- A client of a global key manager may belong to an application in each tenant.
DROP INDEX oauth_clients_client;
CREATE UNIQUE INDEX oauth_clients_client ON oauth_clients (tenant, key_manager_id, client_id) WHERE client_id <> '';

-- And so may a rule: each tenant has its own.
DROP INDEX oauth_clients_rule;
CREATE UNIQUE INDEX oauth_clients_rule ON oauth_clients (tenant, key_manager_id, rule) WHERE rule <> '';
