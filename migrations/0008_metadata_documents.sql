-- Apps that register themselves, and those whose client id is the address of a document in which they say what they are.

-- Whose apps are those that nobody has taken up.
INSERT INTO developers (id, name, created_at) VALUES ('dev_unclaimed', '', 0);

-- When somebody took up such an app into their developer account; NULL: nobody did.
ALTER TABLE apps ADD COLUMN claimed_at INTEGER;

-- Since when an app that registered itself waits for its first user; NULL: it had one, or was not made that way.
ALTER TABLE apps ADD COLUMN unused_since INTEGER;
-- Those that somebody decided about are never forgotten, so they are not looked through either.
CREATE INDEX apps_unused ON apps (unused_since)
  WHERE unused_since IS NOT NULL AND status = 'draft' AND developer_id = 'dev_unclaimed' AND deleted_at IS NULL;
CREATE TRIGGER an_app_with_a_user_is_not_unused AFTER INSERT ON app_users
BEGIN
  UPDATE apps SET unused_since = NULL WHERE client_id = NEW.client_id AND unused_since IS NOT NULL;
END;

-- What was fetched and accepted last.
CREATE TABLE metadata_documents (
  client_id   TEXT PRIMARY KEY REFERENCES apps (client_id),
  digest      TEXT NOT NULL, -- of what was kept of it: another one changed something
  fetched_at  INTEGER NOT NULL, -- the last time that it was good
  fresh_until INTEGER NOT NULL -- it is not asked for before
) STRICT, WITHOUT ROWID;

-- Those that registered themselves (RFC 7591).
CREATE TABLE client_registrations (
  client_id  TEXT PRIMARY KEY REFERENCES apps (client_id),
  token_hash TEXT NOT NULL, -- of the registration access token (RFC 7592)
  metadata   TEXT NOT NULL CHECK (json_valid(metadata)) -- as registered
) STRICT, WITHOUT ROWID;
