-- When somebody wanted a key manager's keys read anew, in microseconds since 1970; 0 = nobody ever did.

-- +goose Up
ALTER TABLE key_managers ADD COLUMN keys_asked BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE key_managers DROP COLUMN keys_asked;
