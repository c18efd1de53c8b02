-- The audit trail: what happened that somebody may have to answer for. Rows are added and never changed; they name
-- people, apps and addresses by identifiers and keyed hashes only, so that erasing a person leaves them readable.
CREATE TABLE audit (
  seq          INTEGER PRIMARY KEY, -- the order of entry, by which lists are paged
  id           TEXT NOT NULL UNIQUE, -- made by whoever reports: the same event reported twice is entered once
  at           INTEGER NOT NULL, -- when it happened
  event        TEXT NOT NULL, -- what: 'refresh_token.reused'
  actor_type   TEXT NOT NULL CHECK (actor_type IN ('user', 'app', 'operator', 'system')),
  actor_id     TEXT, -- who; NULL: the system, or someone unknown
  client_id    TEXT, -- in which app's trail it belongs
  user_id      TEXT, -- in which user's trail it belongs
  target_type  TEXT NOT NULL, -- on what: 'consent', 'family'
  target_id    TEXT NOT NULL,
  request_id   TEXT, -- of the request that brought it about, as the logs have it
  country      TEXT, -- where that came from
  address_hash TEXT, -- keyed hash of its address
  detail       TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(detail))
) STRICT;
CREATE INDEX audit_by_time ON audit (at);
CREATE INDEX audit_by_app ON audit (client_id, at) WHERE client_id IS NOT NULL;
CREATE INDEX audit_by_user ON audit (user_id, at) WHERE user_id IS NOT NULL;

CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN
  SELECT RAISE(ABORT, 'audit rows are not changed');
END;

CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
BEGIN
  SELECT RAISE(ABORT, 'audit rows are not deleted');
END;

-- INSERT OR REPLACE deletes without asking the trigger above.
CREATE TRIGGER audit_is_not_replaced BEFORE INSERT ON audit
WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id OR seq = NEW.seq)
BEGIN
  SELECT RAISE(IGNORE);
END;
