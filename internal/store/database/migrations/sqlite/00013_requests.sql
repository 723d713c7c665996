-- +goose Up

-- Subscriptions that are on no gateway: somebody has to approve them, or rejected them.
CREATE INDEX subscriptions_requested ON subscriptions (tenant, name) WHERE gateway_row = '';
