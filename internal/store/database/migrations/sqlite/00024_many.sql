-- +goose Up

-- The audit trail by who did it and by what it is about, the newest first.
CREATE INDEX audit_actor ON audit (tenant, actor, id);
CREATE INDEX audit_kind ON audit (tenant, kind, id);
CREATE INDEX audit_name ON audit (tenant, name, id);

-- What a manifest set owns, of the kinds of which there may be very many.
CREATE INDEX applications_set ON applications (set_name, tenant, name) WHERE set_name <> '';
CREATE INDEX subscriptions_set ON subscriptions (set_name, tenant, name) WHERE set_name <> '';
CREATE INDEX oauth_clients_set ON oauth_clients (set_name, tenant, name) WHERE set_name <> '';
CREATE INDEX users_set ON users (set_name, tenant, name) WHERE set_name <> '';
