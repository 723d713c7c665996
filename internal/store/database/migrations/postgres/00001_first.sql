-- +goose Up

-- Times are microseconds since 1970 in UTC. JSON is kept as the text that was written. The two dialects of this file
-- differ in types only.

CREATE TABLE keyring (
    name   TEXT NOT NULL PRIMARY KEY,
    sealed TEXT NOT NULL
);

CREATE TABLE leases (
    name   TEXT NOT NULL PRIMARY KEY,
    holder TEXT NOT NULL,
    until  BIGINT NOT NULL
);

CREATE TABLE gateway_groups (
    name             TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    revision         BIGINT NOT NULL,
    chain            BYTEA NOT NULL,
    trimmed_revision BIGINT NOT NULL,
    trimmed_chain    BYTEA NOT NULL
);

CREATE TABLE group_keys (
    group_name TEXT COLLATE "C" NOT NULL REFERENCES gateway_groups (name),
    number     BIGINT NOT NULL,
    sealed     TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (group_name, number)
);

-- What each group holds now: the log without what was overtaken. The digest is of the plain row, since sealing the
-- same secret twice gives two texts.
CREATE TABLE feed_rows (
    group_name TEXT COLLATE "C" NOT NULL REFERENCES gateway_groups (name),
    kind       TEXT COLLATE "C" NOT NULL,
    id         TEXT COLLATE "C" NOT NULL,
    digest     BYTEA NOT NULL,
    revision   BIGINT NOT NULL,
    record     BYTEA NOT NULL,
    PRIMARY KEY (group_name, kind, id)
);
CREATE UNIQUE INDEX feed_rows_revision ON feed_rows (group_name, revision);

-- The log, which is also the outbox: exact bytes of each change, and the chain after it.
CREATE TABLE feed_log (
    group_name TEXT COLLATE "C" NOT NULL REFERENCES gateway_groups (name),
    revision   BIGINT NOT NULL,
    record     BYTEA NOT NULL,
    chain      BYTEA NOT NULL,
    ends       BOOLEAN NOT NULL,
    PRIMARY KEY (group_name, revision)
);

CREATE TABLE audit (
    id     BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at     BIGINT NOT NULL,
    tenant TEXT COLLATE "C" NOT NULL,
    actor  TEXT NOT NULL,
    action TEXT NOT NULL,
    kind   TEXT NOT NULL,
    name   TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX audit_tenant ON audit (tenant, id);

CREATE TABLE tenants (
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
    CHECK (tenant = 'default')
);
CREATE UNIQUE INDEX tenants_name ON tenants (name);

CREATE TABLE users (
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
CREATE UNIQUE INDEX users_name ON users (tenant, name);

CREATE TABLE api_tokens (
    id         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    user_id    TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    hash       BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    last_used  BIGINT,
    revoked_at BIGINT
);
CREATE UNIQUE INDEX api_tokens_hash ON api_tokens (hash);
CREATE INDEX api_tokens_user ON api_tokens (user_id);

CREATE TABLE key_managers (
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
    introspection TEXT NOT NULL,
    FOREIGN KEY (tenant) REFERENCES tenants (name)
);
CREATE UNIQUE INDEX key_managers_name ON key_managers (tenant, name);

-- told_apart: the key manager's own claim rules tell its tokens from those of others with the same issuer.
CREATE TABLE issuers (
    key_manager_id TEXT COLLATE "C" NOT NULL REFERENCES key_managers (id) ON DELETE CASCADE,
    tenant         TEXT COLLATE "C" NOT NULL,
    issuer         TEXT COLLATE "C" NOT NULL,
    told_apart     BOOLEAN NOT NULL,
    PRIMARY KEY (key_manager_id, issuer)
);
CREATE INDEX issuers_issuer ON issuers (tenant, issuer);
CREATE UNIQUE INDEX issuers_alone ON issuers (tenant, issuer) WHERE NOT told_apart;

CREATE TABLE plans (
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
CREATE UNIQUE INDEX plans_name ON plans (tenant, name);

-- served: published and complete, so that gateways of its groups hold it. open: no subscription is needed.
CREATE TABLE apis (
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
    context     TEXT COLLATE "C" NOT NULL,
    api_version TEXT COLLATE "C" NOT NULL,
    is_default  BOOLEAN NOT NULL,
    served      BOOLEAN NOT NULL,
    open        BOOLEAN NOT NULL,
    takes_all   BOOLEAN NOT NULL,
    FOREIGN KEY (tenant) REFERENCES tenants (name)
);
CREATE UNIQUE INDEX apis_name ON apis (tenant, name);
CREATE UNIQUE INDEX apis_version ON apis (tenant, context, api_version);
CREATE UNIQUE INDEX apis_default ON apis (tenant, context) WHERE is_default;
CREATE INDEX apis_open ON apis (tenant) WHERE open;
CREATE INDEX apis_takes_all ON apis (tenant) WHERE takes_all;

CREATE TABLE api_groups (
    api_id     TEXT COLLATE "C" NOT NULL REFERENCES apis (id) ON DELETE CASCADE,
    group_name TEXT COLLATE "C" NOT NULL REFERENCES gateway_groups (name),
    PRIMARY KEY (api_id, group_name)
);

CREATE TABLE api_key_managers (
    api_id         TEXT COLLATE "C" NOT NULL REFERENCES apis (id) ON DELETE CASCADE,
    key_manager_id TEXT COLLATE "C" NOT NULL REFERENCES key_managers (id),
    PRIMARY KEY (api_id, key_manager_id)
);
CREATE INDEX api_key_managers_used ON api_key_managers (key_manager_id);

CREATE TABLE api_plans (
    api_id  TEXT COLLATE "C" NOT NULL REFERENCES apis (id) ON DELETE CASCADE,
    plan_id TEXT COLLATE "C" NOT NULL REFERENCES plans (id),
    PRIMARY KEY (api_id, plan_id)
);
CREATE INDEX api_plans_used ON api_plans (plan_id);

CREATE TABLE applications (
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
CREATE UNIQUE INDEX applications_name ON applications (tenant, name);

CREATE TABLE application_owners (
    application_id TEXT COLLATE "C" NOT NULL REFERENCES applications (id) ON DELETE CASCADE,
    owner          TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (application_id, owner)
);
CREATE INDEX application_owners_owner ON application_owners (owner);

CREATE TABLE subscriptions (
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
    application_id TEXT COLLATE "C" NOT NULL REFERENCES applications (id),
    api_id         TEXT COLLATE "C" NOT NULL REFERENCES apis (id),
    plan_id        TEXT COLLATE "C" REFERENCES plans (id),
    FOREIGN KEY (tenant) REFERENCES tenants (name)
);
CREATE UNIQUE INDEX subscriptions_name ON subscriptions (tenant, name);
CREATE UNIQUE INDEX subscriptions_pair ON subscriptions (application_id, api_id);
CREATE INDEX subscriptions_application ON subscriptions (application_id, tenant, name);
CREATE INDEX subscriptions_api ON subscriptions (api_id, tenant, name);
CREATE INDEX subscriptions_plan ON subscriptions (plan_id, tenant, name);

CREATE TABLE oauth_clients (
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
    application_id TEXT COLLATE "C" NOT NULL REFERENCES applications (id),
    key_manager_id TEXT COLLATE "C" NOT NULL REFERENCES key_managers (id),
    environment    TEXT NOT NULL,
    client_id      TEXT COLLATE "C" NOT NULL,
    state          TEXT NOT NULL,
    FOREIGN KEY (tenant) REFERENCES tenants (name)
);
CREATE UNIQUE INDEX oauth_clients_name ON oauth_clients (tenant, name);
CREATE INDEX oauth_clients_application ON oauth_clients (application_id, tenant, name);
CREATE INDEX oauth_clients_key_manager ON oauth_clients (key_manager_id, tenant, name);
CREATE UNIQUE INDEX oauth_clients_client ON oauth_clients (key_manager_id, client_id) WHERE client_id <> '';
CREATE UNIQUE INDEX oauth_clients_place ON oauth_clients (application_id, key_manager_id, environment)
    WHERE state <> 'failed';
CREATE INDEX oauth_clients_unsettled ON oauth_clients (updated_at) WHERE state IN ('pending', 'deleting');
CREATE INDEX oauth_clients_failed ON oauth_clients (updated_at) WHERE state = 'failed';

CREATE TABLE reveals (
    client_id  TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES oauth_clients (id) ON DELETE CASCADE,
    requester  TEXT NOT NULL,
    sealed     TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE TABLE gateways (
    id         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name       TEXT COLLATE "C" NOT NULL,
    group_name TEXT COLLATE "C" NOT NULL REFERENCES gateway_groups (name),
    token_hash BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT,
    last_seen  BIGINT,
    revision   BIGINT NOT NULL,
    stale      BOOLEAN NOT NULL,
    build      TEXT NOT NULL
);
CREATE UNIQUE INDEX gateways_token ON gateways (token_hash);
CREATE UNIQUE INDEX gateways_name ON gateways (name) WHERE revoked_at IS NULL;

CREATE TABLE gateway_keys (
    kid         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    gateway_id  TEXT COLLATE "C" NOT NULL REFERENCES gateways (id),
    gateway_row TEXT NOT NULL,
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT
);
CREATE INDEX gateway_keys_gateway ON gateway_keys (gateway_id);

CREATE TABLE resident_keys (
    tenant      TEXT COLLATE "C" NOT NULL REFERENCES tenants (name) ON DELETE CASCADE,
    kid         TEXT COLLATE "C" NOT NULL,
    alg         TEXT NOT NULL,
    sealed      TEXT NOT NULL,
    created_at  BIGINT NOT NULL,
    active_from BIGINT NOT NULL,
    retire_at   BIGINT,
    PRIMARY KEY (tenant, kid)
);

CREATE TABLE resident_tokens (
    tenant     TEXT COLLATE "C" NOT NULL REFERENCES tenants (name) ON DELETE CASCADE,
    id         TEXT COLLATE "C" NOT NULL,
    client_id  TEXT COLLATE "C" NOT NULL,
    subject    TEXT NOT NULL,
    scopes     TEXT NOT NULL,
    issued_at  BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX resident_tokens_expiry ON resident_tokens (expires_at);
