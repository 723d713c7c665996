-- +goose Up

-- What gateways count of their calls. Nothing here is an object, reaches a gateway or is in the audit trail. Rows name
-- others by ids that are never used again, without a reference, so that counting waits for no change; what names nothing
-- any more is swept away.

-- The portion that a gateway's process told last.
CREATE TABLE usage_told (
    gateway_id TEXT NOT NULL REFERENCES gateways (id),
    run        TEXT NOT NULL,
    sequence   INTEGER NOT NULL,
    told_at    INTEGER NOT NULL,
    PRIMARY KEY (gateway_id, run)
);

-- When a call with a token of the OAuthClient passed last.
CREATE TABLE client_usage (
    client_id TEXT NOT NULL PRIMARY KEY,
    used_at   INTEGER NOT NULL
);

-- When a secret of a client of the resident authorization server was taken last. secret is a keyed digest.
CREATE TABLE secret_usage (
    client_id TEXT NOT NULL,
    secret    TEXT NOT NULL,
    used_at   INTEGER NOT NULL,
    PRIMARY KEY (client_id, secret)
);

-- Calls with a key manager's tokens by hour, the APIs' tenant and outcome: a code, or nothing for those that passed.
CREATE TABLE usage_hours (
    key_manager_id TEXT NOT NULL,
    hour           INTEGER NOT NULL,
    tenant         TEXT NOT NULL,
    code           TEXT NOT NULL,
    calls          INTEGER NOT NULL,
    PRIMARY KEY (key_manager_id, hour, tenant, code)
);
CREATE INDEX usage_hours_hour ON usage_hours (hour);

-- The same of the last minutes, by API and by client. An empty client: those that no application has.
CREATE TABLE usage_apis (
    key_manager_id TEXT NOT NULL,
    slot           INTEGER NOT NULL,
    api_id         TEXT NOT NULL,
    passed         INTEGER NOT NULL,
    refused        INTEGER NOT NULL,
    PRIMARY KEY (key_manager_id, slot, api_id)
);
CREATE INDEX usage_apis_slot ON usage_apis (slot);

CREATE TABLE usage_clients (
    key_manager_id TEXT NOT NULL,
    slot           INTEGER NOT NULL,
    client_id      TEXT NOT NULL,
    passed         INTEGER NOT NULL,
    refused        INTEGER NOT NULL,
    PRIMARY KEY (key_manager_id, slot, client_id)
);
CREATE INDEX usage_clients_slot ON usage_clients (slot);
