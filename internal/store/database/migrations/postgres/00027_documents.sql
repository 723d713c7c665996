-- +goose Up

-- The OpenAPI document of an API, as JSON; '' = it has none. It may be megabytes: lists leave it where it is, after all that they read.
-- What is taken out of the spec is the text that is written there: a quote within a text has a backslash before it. A spec with NUL,
-- which cannot be taken apart here, stays as it is until the API is written again.
ALTER TABLE apis ADD COLUMN document TEXT NOT NULL DEFAULT '';
UPDATE apis SET document = CAST(CAST(spec AS JSON) -> 'openapi' -> 'document' AS TEXT),
    spec = replace(spec, '"document":' || CAST(CAST(spec AS JSON) -> 'openapi' -> 'document' AS TEXT), '"document":""')
    WHERE CASE WHEN position('\u0000' IN spec) = 0 THEN json_typeof(CAST(spec AS JSON) -> 'openapi' -> 'document') = 'string' END;
