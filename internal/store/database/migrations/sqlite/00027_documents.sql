-- +goose Up

-- The OpenAPI document of an API, as JSON; '' = it has none. It may be megabytes: lists leave it where it is, after all that they read.
ALTER TABLE apis ADD COLUMN document TEXT NOT NULL DEFAULT '';
UPDATE apis SET document = spec -> '$.openapi.document', spec = json_set(spec, '$.openapi.document', '')
    WHERE json_type(spec, '$.openapi.document') = 'text';
