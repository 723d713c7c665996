-- +goose Up

-- What objects are searched by, in three characters at a time, so that a search reads what it finds. In the text that is taken
-- apart what separates words is two spaces, two at its beginning too: a word that begins with "or" has the three characters " or",
-- and one with "o" has "  o". Each has its tenant before it. No extension is needed, which an ordinary role may not create.
-- The cost is what keeps the planner from computing it anew for row after row.
-- +goose StatementBegin
CREATE FUNCTION keyward_trigrams(tenant TEXT, search TEXT) RETURNS TEXT[] LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 500 AS $$
    SELECT array_agg(DISTINCT tenant || '/' || substr(text, i, 3))
    FROM (SELECT '  ' || replace(translate(search, '-/.:@_,(', '        '), ' ', '  ') AS text) spaced,
        generate_series(1, length(text) - 2) AS i
$$;
-- +goose StatementEnd

CREATE INDEX tenants_trigrams ON tenants USING gin (keyward_trigrams(tenant, search) COLLATE "C") WITH (gin_pending_list_limit = 256);
CREATE INDEX users_trigrams ON users USING gin (keyward_trigrams(tenant, search) COLLATE "C") WITH (gin_pending_list_limit = 256);
CREATE INDEX connections_trigrams ON connections USING gin (keyward_trigrams(tenant, search) COLLATE "C") WITH (gin_pending_list_limit = 256);
CREATE INDEX key_managers_trigrams ON key_managers USING gin (keyward_trigrams(tenant, search) COLLATE "C") WITH (gin_pending_list_limit = 256);
CREATE INDEX plans_trigrams ON plans USING gin (keyward_trigrams(tenant, search) COLLATE "C") WITH (gin_pending_list_limit = 256);
CREATE INDEX apis_trigrams ON apis USING gin (keyward_trigrams(tenant, search) COLLATE "C") WITH (gin_pending_list_limit = 256);
CREATE INDEX applications_trigrams ON applications USING gin (keyward_trigrams(tenant, search) COLLATE "C") WITH (gin_pending_list_limit = 256);
CREATE INDEX subscriptions_trigrams ON subscriptions USING gin (keyward_trigrams(tenant, search) COLLATE "C") WITH (gin_pending_list_limit = 256);
CREATE INDEX oauth_clients_trigrams ON oauth_clients USING gin (keyward_trigrams(tenant, search) COLLATE "C") WITH (gin_pending_list_limit = 256);
