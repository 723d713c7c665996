-- +goose Up

-- Paths of the secrets of the outbound policy that gateways need, as a JSON list; '' = none.
ALTER TABLE key_managers ADD COLUMN outbound TEXT NOT NULL DEFAULT '';
