-- +goose Up

-- What one control plane wants to know of a gateway that polls another.
CREATE TABLE gateway_questions (
    id         TEXT PRIMARY KEY,
    gateway_id TEXT NOT NULL,
    body       TEXT NOT NULL,
    asked_at   BIGINT NOT NULL,
    taken      INTEGER NOT NULL,
    answer     TEXT
);
