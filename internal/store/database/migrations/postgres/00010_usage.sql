-- +goose Up

-- What gateways count of their calls. Nothing here is an object, reaches a gateway or is in the audit trail. Rows name
-- others by ids that are never used again, without a reference, so that counting waits for no change; what names nothing
-- any more is swept away.

-- The portion that a gateway's process told last.
CREATE TABLE usage_told (
    gateway_id TEXT COLLATE "C" NOT NULL REFERENCES gateways (id),
    run        TEXT COLLATE "C" NOT NULL,
    sequence   BIGINT NOT NULL,
    told_at    BIGINT NOT NULL,
    PRIMARY KEY (gateway_id, run)
);

-- When a call with a token of the OAuthClient passed last.
CREATE TABLE client_usage (
    client_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    used_at   BIGINT NOT NULL
);

-- When a secret of a client of the resident authorization server was taken last. secret is a keyed digest.
CREATE TABLE secret_usage (
    client_id TEXT COLLATE "C" NOT NULL,
    secret    TEXT COLLATE "C" NOT NULL,
    used_at   BIGINT NOT NULL,
    PRIMARY KEY (client_id, secret)
);

-- Calls with a key manager's tokens by hour, the APIs' tenant and outcome: a code, or nothing for those that passed.
CREATE TABLE usage_hours (
    key_manager_id TEXT COLLATE "C" NOT NULL,
    hour           BIGINT NOT NULL,
    tenant         TEXT COLLATE "C" NOT NULL,
    code           TEXT COLLATE "C" NOT NULL,
    calls          BIGINT NOT NULL,
    PRIMARY KEY (key_manager_id, hour, tenant, code)
);
CREATE INDEX usage_hours_hour ON usage_hours (hour);

-- The same of the last minutes, by API and by client. An empty client: those that no application has.
CREATE TABLE usage_apis (
    key_manager_id TEXT COLLATE "C" NOT NULL,
    slot           BIGINT NOT NULL,
    api_id         TEXT COLLATE "C" NOT NULL,
    passed         BIGINT NOT NULL,
    refused        BIGINT NOT NULL,
    PRIMARY KEY (key_manager_id, slot, api_id)
);
CREATE INDEX usage_apis_slot ON usage_apis (slot);

CREATE TABLE usage_clients (
    key_manager_id TEXT COLLATE "C" NOT NULL,
    slot           BIGINT NOT NULL,
    client_id      TEXT COLLATE "C" NOT NULL,
    passed         BIGINT NOT NULL,
    refused        BIGINT NOT NULL,
    PRIMARY KEY (key_manager_id, slot, client_id)
);
CREATE INDEX usage_clients_slot ON usage_clients (slot);
