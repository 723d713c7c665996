-- +goose Up

-- When each generated client was compared with its server and is due again, and what was found; the row whose subject is
-- the key manager itself is the search for clients that nobody knows.
CREATE TABLE looks (
    subject_id     TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    client_id      TEXT COLLATE "C" REFERENCES oauth_clients (id) ON DELETE CASCADE,
    key_manager_id TEXT COLLATE "C" NOT NULL REFERENCES key_managers (id) ON DELETE CASCADE,
    due_at         BIGINT NOT NULL,
    tries          BIGINT NOT NULL,
    asked          BIGINT NOT NULL,
    found          TEXT NOT NULL
);
CREATE INDEX looks_due ON looks (due_at);
CREATE INDEX looks_key_manager ON looks (key_manager_id);
CREATE INDEX looks_client ON looks (client_id);

INSERT INTO looks (subject_id, client_id, key_manager_id, due_at, tries, asked, found)
    SELECT id, id, key_manager_id, 0, 0, 0, '{}' FROM oauth_clients WHERE status LIKE '%"mode":"generated"%';
INSERT INTO looks (subject_id, client_id, key_manager_id, due_at, tries, asked, found)
    SELECT DISTINCT key_manager_id, NULL::TEXT, key_manager_id, 0, 0, 0, '{}' FROM looks;
