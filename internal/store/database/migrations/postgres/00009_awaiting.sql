-- +goose Up

-- Clients that somebody asked for and an administrator has to approve.
CREATE INDEX oauth_clients_awaiting ON oauth_clients (tenant, name) WHERE state = 'awaiting';
