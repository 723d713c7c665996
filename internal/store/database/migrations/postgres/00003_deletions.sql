-- +goose Up

-- Applications have a status only while they are deleted with their keys.
CREATE INDEX applications_deleting ON applications (updated_at) WHERE status <> '';
