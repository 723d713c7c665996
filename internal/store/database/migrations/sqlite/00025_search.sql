-- +goose Up

-- What objects are searched by, in three characters at a time, so that a search reads what it finds. In the text that is taken
-- apart what separates words is two spaces, two at its beginning too: a word that begins with "or" has the three characters " or",
-- and one with "o" has "  o".
CREATE VIRTUAL TABLE trigrams USING fts5 (text, content = '', contentless_delete = 1, detail = none,
    tokenize = 'trigram case_sensitive 1');

-- The numbers of objects in it: those of one table and tenant follow each other from number * 2^32 of their place.
CREATE TABLE search_places (
    number     INTEGER PRIMARY KEY,
    table_name TEXT NOT NULL,
    tenant     TEXT NOT NULL
);
CREATE UNIQUE INDEX search_places_tenant ON search_places (table_name, tenant);
CREATE TABLE searched (
    number    INTEGER PRIMARY KEY,
    object_id TEXT NOT NULL
);
CREATE UNIQUE INDEX searched_object ON searched (object_id);

-- An object is searched by what is inserted here, and by nothing once it is deleted here.
CREATE VIEW searching AS SELECT '' AS table_name, '' AS tenant, object_id, '' AS search FROM searched;

-- +goose StatementBegin
CREATE TRIGGER searching_insert INSTEAD OF INSERT ON searching BEGIN
    INSERT INTO search_places (table_name, tenant) SELECT new.table_name, new.tenant
        WHERE NOT EXISTS (SELECT 1 FROM search_places WHERE table_name = new.table_name AND tenant = new.tenant);
    INSERT INTO searched (number, object_id)
        SELECT coalesce((SELECT max(s.number) FROM searched s WHERE s.number BETWEEN p.number << 32 AND (p.number + 1 << 32) - 1),
            p.number << 32) + 1, new.object_id
        FROM search_places p WHERE p.table_name = new.table_name AND p.tenant = new.tenant
            AND NOT EXISTS (SELECT 1 FROM searched WHERE object_id = new.object_id);
    DELETE FROM trigrams WHERE rowid = (SELECT number FROM searched WHERE object_id = new.object_id);
    INSERT INTO trigrams (rowid, text) SELECT number, '  ' || replace(replace(replace(replace(replace(replace(replace(replace(replace(new.search, '-', ' '), '/', ' '), '.', ' '), ':', ' '), '@', ' '), '_', ' '), ',', ' '), '(', ' '),
        ' ', '  ') FROM searched WHERE object_id = new.object_id;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER searching_delete INSTEAD OF DELETE ON searching BEGIN
    DELETE FROM trigrams WHERE rowid = (SELECT number FROM searched WHERE object_id = old.object_id);
    DELETE FROM searched WHERE object_id = old.object_id;
END;
-- +goose StatementEnd

INSERT INTO searching SELECT 'tenants', tenant, id, search FROM tenants;
-- +goose StatementBegin
CREATE TRIGGER tenants_searched AFTER INSERT ON tenants BEGIN
    INSERT INTO searching VALUES ('tenants', new.tenant, new.id, new.search);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER tenants_searched_anew AFTER UPDATE OF search ON tenants WHEN old.search <> new.search BEGIN
    INSERT INTO searching VALUES ('tenants', new.tenant, new.id, new.search);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER tenants_searched_no_more AFTER DELETE ON tenants BEGIN
    DELETE FROM searching WHERE object_id = old.id;
END;
-- +goose StatementEnd

INSERT INTO searching SELECT 'users', tenant, id, search FROM users;
-- +goose StatementBegin
CREATE TRIGGER users_searched AFTER INSERT ON users BEGIN
    INSERT INTO searching VALUES ('users', new.tenant, new.id, new.search);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER users_searched_anew AFTER UPDATE OF search ON users WHEN old.search <> new.search BEGIN
    INSERT INTO searching VALUES ('users', new.tenant, new.id, new.search);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER users_searched_no_more AFTER DELETE ON users BEGIN
    DELETE FROM searching WHERE object_id = old.id;
END;
-- +goose StatementEnd

INSERT INTO searching SELECT 'connections', tenant, id, search FROM connections;
-- +goose StatementBegin
CREATE TRIGGER connections_searched AFTER INSERT ON connections BEGIN
    INSERT INTO searching VALUES ('connections', new.tenant, new.id, new.search);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER connections_searched_anew AFTER UPDATE OF search ON connections WHEN old.search <> new.search BEGIN
    INSERT INTO searching VALUES ('connections', new.tenant, new.id, new.search);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER connections_searched_no_more AFTER DELETE ON connections BEGIN
    DELETE FROM searching WHERE object_id = old.id;
END;
-- +goose StatementEnd

INSERT INTO searching SELECT 'key_managers', tenant, id, search FROM key_managers;
-- +goose StatementBegin
CREATE TRIGGER key_managers_searched AFTER INSERT ON key_managers BEGIN
    INSERT INTO searching VALUES ('key_managers', new.tenant, new.id, new.search);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER key_managers_searched_anew AFTER UPDATE OF search ON key_managers WHEN old.search <> new.search BEGIN
    INSERT INTO searching VALUES ('key_managers', new.tenant, new.id, new.search);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER key_managers_searched_no_more AFTER DELETE ON key_managers BEGIN
    DELETE FROM searching WHERE object_id = old.id;
END;
-- +goose StatementEnd

INSERT INTO searching SELECT 'plans', tenant, id, search FROM plans;
-- +goose StatementBegin
CREATE TRIGGER plans_searched AFTER INSERT ON plans BEGIN
    INSERT INTO searching VALUES ('plans', new.tenant, new.id, new.search);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER plans_searched_anew AFTER UPDATE OF search ON plans WHEN old.search <> new.search BEGIN
    INSERT INTO searching VALUES ('plans', new.tenant, new.id, new.search);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER plans_searched_no_more AFTER DELETE ON plans BEGIN
    DELETE FROM searching WHERE object_id = old.id;
END;
-- +goose StatementEnd

INSERT INTO searching SELECT 'apis', tenant, id, search FROM apis;
-- +goose StatementBegin
CREATE TRIGGER apis_searched AFTER INSERT ON apis BEGIN
    INSERT INTO searching VALUES ('apis', new.tenant, new.id, new.search);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER apis_searched_anew AFTER UPDATE OF search ON apis WHEN old.search <> new.search BEGIN
    INSERT INTO searching VALUES ('apis', new.tenant, new.id, new.search);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER apis_searched_no_more AFTER DELETE ON apis BEGIN
    DELETE FROM searching WHERE object_id = old.id;
END;
-- +goose StatementEnd

INSERT INTO searching SELECT 'applications', tenant, id, search FROM applications;
-- +goose StatementBegin
CREATE TRIGGER applications_searched AFTER INSERT ON applications BEGIN
    INSERT INTO searching VALUES ('applications', new.tenant, new.id, new.search);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER applications_searched_anew AFTER UPDATE OF search ON applications WHEN old.search <> new.search BEGIN
    INSERT INTO searching VALUES ('applications', new.tenant, new.id, new.search);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER applications_searched_no_more AFTER DELETE ON applications BEGIN
    DELETE FROM searching WHERE object_id = old.id;
END;
-- +goose StatementEnd

INSERT INTO searching SELECT 'subscriptions', tenant, id, search FROM subscriptions;
-- +goose StatementBegin
CREATE TRIGGER subscriptions_searched AFTER INSERT ON subscriptions BEGIN
    INSERT INTO searching VALUES ('subscriptions', new.tenant, new.id, new.search);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER subscriptions_searched_anew AFTER UPDATE OF search ON subscriptions WHEN old.search <> new.search BEGIN
    INSERT INTO searching VALUES ('subscriptions', new.tenant, new.id, new.search);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER subscriptions_searched_no_more AFTER DELETE ON subscriptions BEGIN
    DELETE FROM searching WHERE object_id = old.id;
END;
-- +goose StatementEnd

INSERT INTO searching SELECT 'oauth_clients', tenant, id, search FROM oauth_clients;
-- +goose StatementBegin
CREATE TRIGGER oauth_clients_searched AFTER INSERT ON oauth_clients BEGIN
    INSERT INTO searching VALUES ('oauth_clients', new.tenant, new.id, new.search);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER oauth_clients_searched_anew AFTER UPDATE OF search ON oauth_clients WHEN old.search <> new.search BEGIN
    INSERT INTO searching VALUES ('oauth_clients', new.tenant, new.id, new.search);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER oauth_clients_searched_no_more AFTER DELETE ON oauth_clients BEGIN
    DELETE FROM searching WHERE object_id = old.id;
END;
-- +goose StatementEnd
