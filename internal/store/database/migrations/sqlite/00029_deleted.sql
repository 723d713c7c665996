-- +goose Up

-- The id of the object that an entry says is deleted, so that it can still be named; '' in all other entries.
ALTER TABLE audit ADD COLUMN deleted TEXT NOT NULL DEFAULT '';
CREATE INDEX audit_deleted ON audit (deleted) WHERE deleted <> '';
