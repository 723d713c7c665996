-- +goose Up

-- The beginnings of sign-ins at the console that were answered, until they would have been too old: none is answered twice.
CREATE TABLE console_answers (
	hash       BLOB PRIMARY KEY,
	expires_at BIGINT NOT NULL
);
