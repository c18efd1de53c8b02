-- People: how they sign in, what they are asked, and what they have connected.

-- How users prove who they are. Only `domain_level` ones are offered when a third-party app asks.
CREATE TABLE connections (
  id                    TEXT PRIMARY KEY CHECK (id <> '' AND id NOT GLOB '*[^A-Za-z0-9_-]*'), -- con_…; ends its callback's path
  kind                  TEXT NOT NULL CHECK (kind IN ('oidc', 'hand_off')),
  name                  TEXT NOT NULL, -- on its button: 'Acme account'
  domain_level          INTEGER NOT NULL DEFAULT 0 CHECK (domain_level IN (0, 1)),
  status                TEXT NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'disabled')),
  position              INTEGER NOT NULL DEFAULT 0,
  issuer                TEXT NOT NULL, -- the `iss` of its ID tokens or assertions, letter by letter
  -- 'oidc': Latchkey is its client.
  client_id             TEXT,
  client_authentication TEXT NOT NULL DEFAULT 'client_secret_basic'
                        CHECK (client_authentication IN ('client_secret_basic', 'client_secret_post', 'none')),
  client_secret_name    TEXT CHECK (client_secret_name GLOB 'CONNECTION_?*'), -- the Worker secret that holds the client secret
  scopes                TEXT NOT NULL DEFAULT 'openid profile email',
  -- 'hand_off': the platform's own sign-in page, and the public keys of its assertions (a JWK Set).
  login_url             TEXT,
  jwks                  TEXT CHECK (json_valid(jwks)),
  -- Whether the platform's own user ids become Latchkey's, and so the `sub` of access tokens.
  subject_is_user_id    INTEGER NOT NULL DEFAULT 0 CHECK (subject_is_user_id IN (0, 1)),
  created_at            INTEGER NOT NULL,
  CHECK (kind <> 'oidc' OR client_id IS NOT NULL),
  CHECK (kind <> 'hand_off' OR (login_url IS NOT NULL AND jwks IS NOT NULL))
) STRICT;
-- Two connections that name users could name the same one.
CREATE UNIQUE INDEX connections_one_names_users ON connections (subject_is_user_id) WHERE subject_is_user_id = 1;
-- An issuer and a subject are one person, whichever connection they come by. So an issuer belongs to connections that
-- prove the same thing: never to a platform's own page and another, nor to one for third-party apps and one that is not.
CREATE TRIGGER connections_share_no_issuer BEFORE INSERT ON connections
WHEN EXISTS (SELECT 1 FROM connections c
             WHERE c.issuer = NEW.issuer AND c.id <> NEW.id
               AND (c.kind = 'hand_off' OR NEW.kind = 'hand_off' OR c.domain_level <> NEW.domain_level))
BEGIN
  SELECT RAISE(ABORT, 'another connection, of another kind or domain_level, has this issuer');
END;
CREATE TRIGGER connections_come_to_share_no_issuer BEFORE UPDATE OF issuer, kind, domain_level ON connections
WHEN EXISTS (SELECT 1 FROM connections c
             WHERE c.issuer = NEW.issuer AND c.id <> OLD.id
               AND (c.kind = 'hand_off' OR NEW.kind = 'hand_off' OR c.domain_level <> NEW.domain_level))
BEGIN
  SELECT RAISE(ABORT, 'another connection, of another kind or domain_level, has this issuer');
END;

-- Who a user is at their identity provider. Nothing else links the two: no e-mail address, no name.
CREATE TABLE user_identities (
  issuer        TEXT NOT NULL,
  subject       TEXT NOT NULL,
  user_id       TEXT NOT NULL REFERENCES users (id),
  connection_id TEXT NOT NULL REFERENCES connections (id),
  created_at    INTEGER NOT NULL,
  PRIMARY KEY (issuer, subject)
) STRICT, WITHOUT ROWID;
CREATE INDEX user_identities_by_user ON user_identities (user_id);

-- What they know their account by, an e-mail address say. Shown to them, believed by nobody. NULL: the user name.
ALTER TABLE users ADD COLUMN account_name TEXT;

-- Made anew, so that every session has an id that may be shown: everyone signs in once more.
DROP TABLE sessions;
CREATE TABLE sessions (
  token_hash    TEXT PRIMARY KEY,
  id            TEXT NOT NULL UNIQUE DEFAULT ('ses_' || lower(hex(randomblob(16)))),
  user_id       TEXT NOT NULL REFERENCES users (id),
  connection_id TEXT REFERENCES connections (id), -- NULL: the development sign-in
  device        TEXT, -- 'firefox/linux', as recognised when it began
  auth_time     INTEGER NOT NULL,
  created_at    INTEGER NOT NULL,
  last_seen_at  INTEGER NOT NULL DEFAULT 0, -- to within some minutes
  expires_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_user ON sessions (user_id, created_at);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);
CREATE INDEX sessions_by_connection ON sessions (connection_id) WHERE connection_id IS NOT NULL;

-- An app on people's own devices is connected once for each install; `instance` tells them apart. It is '' where
-- there is one connection only: apps whose answers go to a site on the web.
ALTER TABLE consents ADD COLUMN instance TEXT NOT NULL DEFAULT '';
ALTER TABLE consents ADD COLUMN device TEXT; -- 'firefox/linux': where the user agreed
-- What the user left out when they were last asked about it: it does not bring the page back.
ALTER TABLE consents ADD COLUMN declined TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(declined));
ALTER TABLE consents ADD COLUMN ended_by TEXT
  CHECK (ended_by IN ('user', 'unused', 'displaced', 'user_suspended', 'tester_removed', 'operator', 'app_deleted')); -- NULL while active
ALTER TABLE consents ADD COLUMN expiry_noted_at INTEGER; -- when its user could first see that it will end unused
DROP INDEX consents_one_active;
CREATE UNIQUE INDEX consents_one_active ON consents (user_id, client_id, instance) WHERE status = 'active';
DROP INDEX consents_by_user;
CREATE INDEX consents_listed ON consents (user_id, created_at DESC, id DESC) WHERE status IN ('active', 'revoking');
CREATE INDEX consents_by_app ON consents (client_id, user_id);
-- Those that are to be noted as ending unused, and those that may end because they were. Each is in one of the two.
CREATE INDEX consents_by_use ON consents (COALESCE(last_used_at, created_at))
  WHERE status = 'active' AND expiry_noted_at IS NULL;
CREATE INDEX consents_expiring ON consents (expiry_noted_at) WHERE status = 'active' AND expiry_noted_at IS NOT NULL;
DROP INDEX consents_unfinished;
CREATE INDEX consents_unfinished ON consents (user_id, shard) WHERE status = 'revoking';

-- The name of the app's logo in KV; it is served from here. `logo_url` is not read any more.
ALTER TABLE apps ADD COLUMN logo TEXT;
-- Scopes the user may leave out on the consent page; the app says which it can do without.
ALTER TABLE app_scopes ADD COLUMN is_optional INTEGER NOT NULL DEFAULT 0 CHECK (is_optional IN (0, 1));
-- Who may use an app before it is reviewed, beside the members of its developer account.
-- `name` is what a developer wrote; they are not told whether it names anybody, so it stands here also when it does not.
CREATE TABLE app_testers (
  id        TEXT PRIMARY KEY DEFAULT ('tst_' || lower(hex(randomblob(16)))),
  client_id TEXT NOT NULL REFERENCES apps (client_id),
  user_id   TEXT REFERENCES users (id), -- NULL: nobody
  name      TEXT COLLATE NOCASE, -- NULL: the user name
  added_by  TEXT,
  added_at  INTEGER NOT NULL,
  UNIQUE (client_id, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX app_testers_by_user ON app_testers (user_id, client_id) WHERE user_id IS NOT NULL;
-- Everybody who ever connected an app that registered itself: before its review so many may. Counted here, because one
-- user may have any number of consents.
CREATE TABLE app_users (
  client_id TEXT NOT NULL REFERENCES apps (client_id),
  user_id   TEXT NOT NULL REFERENCES users (id),
  first_at  INTEGER NOT NULL,
  PRIMARY KEY (client_id, user_id)
) STRICT, WITHOUT ROWID;
INSERT INTO app_users (client_id, user_id, first_at)
SELECT c.client_id, c.user_id, min(c.created_at) FROM consents c JOIN apps a ON a.client_id = c.client_id
WHERE a.class IN ('registered', 'metadata_document') GROUP BY c.client_id, c.user_id;
CREATE TRIGGER a_consent_makes_its_user_one_of_the_app AFTER INSERT ON consents
WHEN EXISTS (SELECT 1 FROM apps WHERE client_id = NEW.client_id AND class IN ('registered', 'metadata_document'))
BEGIN
  INSERT INTO app_users (client_id, user_id, first_at) SELECT NEW.client_id, NEW.user_id, NEW.created_at
  WHERE NOT EXISTS (SELECT 1 FROM app_users WHERE client_id = NEW.client_id AND user_id = NEW.user_id);
END;
-- {"de": {"title": …, "description": …}, …}
ALTER TABLE scopes ADD COLUMN translations TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(translations));

-- Who is suspended is out at once, and stays out of what they had: reinstating them brings no session and no consent
-- back. The cron run has the ledger end the tokens. What was going to end unused ends now whether it is used or not.
CREATE TRIGGER suspension_ends_what_a_user_had AFTER UPDATE OF status ON users
WHEN NEW.status = 'suspended'
BEGIN
  DELETE FROM sessions WHERE user_id = NEW.id;
  UPDATE consents SET ended_by = 'user_suspended'
  WHERE user_id = NEW.id AND status = 'revoking' AND ended_by = 'unused';
  UPDATE consents
  SET status = 'revoking', ended_by = 'user_suspended', revoked_at = CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)
  WHERE user_id = NEW.id AND status = 'active';
END;

-- The sessions of a connection that is switched off: switching it on again brings none back.
CREATE TRIGGER disabling_a_connection_ends_its_sessions AFTER UPDATE OF status ON connections
WHEN NEW.status = 'disabled'
BEGIN
  DELETE FROM sessions WHERE connection_id = NEW.id;
END;

-- Whoever is a tester no more keeps nothing of an app that still waits for its review, unless they are let in twice, as a
-- member of its developer account or by another of their names, and one of the two is left.
CREATE TRIGGER a_removed_tester_loses_the_app AFTER DELETE ON app_testers
BEGIN
  UPDATE consents
  SET status = 'revoking', ended_by = 'tester_removed',
      revoked_at = COALESCE(revoked_at, CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER))
  WHERE user_id = OLD.user_id AND client_id = OLD.client_id AND status IN ('active', 'revoking')
    AND (status = 'active' OR ended_by = 'unused')
    AND EXISTS (SELECT 1 FROM apps a
                WHERE a.client_id = OLD.client_id AND a.status IN ('draft', 'pending_review') AND a.class IN ('portal', 'operator')
                  AND NOT EXISTS (SELECT 1 FROM app_testers WHERE client_id = a.client_id AND user_id = OLD.user_id)
                  AND NOT EXISTS (SELECT 1 FROM developer_members
                                  WHERE developer_id = a.developer_id AND user_id = OLD.user_id));
END;
CREATE TRIGGER a_removed_member_loses_the_apps AFTER DELETE ON developer_members
BEGIN
  UPDATE consents
  SET status = 'revoking', ended_by = 'tester_removed',
      revoked_at = COALESCE(revoked_at, CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER))
  WHERE user_id = OLD.user_id AND status IN ('active', 'revoking')
    AND (status = 'active' OR ended_by = 'unused')
    AND client_id IN (SELECT a.client_id FROM apps a
                      WHERE a.developer_id = OLD.developer_id AND a.status IN ('draft', 'pending_review')
                        AND a.class IN ('portal', 'operator')
                        AND NOT EXISTS (SELECT 1 FROM app_testers WHERE client_id = a.client_id AND user_id = OLD.user_id));
END;
