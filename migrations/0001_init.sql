-- The directory: who may ask for what, and who agreed to it.
-- Times are milliseconds since 1970 (UTC). Identifiers carry a prefix that tells what they name:
-- usr_ user, dev_ developer account, app_ app, api_ API, cns_ consent.
-- Only hashes of secrets and session tokens are kept (SHA-256, base64url without padding).

CREATE TABLE users (
  id         TEXT PRIMARY KEY,
  username   TEXT NOT NULL UNIQUE,
  name       TEXT NOT NULL,
  status     TEXT NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended')),
  created_at INTEGER NOT NULL
) STRICT;

-- What a user may do in the operator's console, beyond being a user.
CREATE TABLE user_roles (
  user_id TEXT NOT NULL REFERENCES users (id),
  role    TEXT NOT NULL CHECK (role IN ('reviewer', 'administrator')),
  PRIMARY KEY (user_id, role)
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
  token_hash   TEXT PRIMARY KEY,
  user_id      TEXT NOT NULL REFERENCES users (id),
  auth_time    INTEGER NOT NULL,
  created_at   INTEGER NOT NULL,
  expires_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

CREATE TABLE developers (
  id         TEXT PRIMARY KEY,
  name       TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE developer_members (
  developer_id TEXT NOT NULL REFERENCES developers (id),
  user_id      TEXT NOT NULL REFERENCES users (id),
  role         TEXT NOT NULL CHECK (role IN ('owner', 'member')),
  PRIMARY KEY (developer_id, user_id)
) STRICT, WITHOUT ROWID;

-- `resource` is the RFC 8707 resource indicator and the `aud` of the API's tokens.
CREATE TABLE apis (
  id                    TEXT PRIMARY KEY,
  resource              TEXT NOT NULL UNIQUE,
  name                  TEXT NOT NULL,
  access_token_lifetime INTEGER NOT NULL DEFAULT 3600 CHECK (access_token_lifetime BETWEEN 60 AND 86400), -- seconds
  created_at            INTEGER NOT NULL
) STRICT;

-- With these an API calls introspection; `id` is its client_id there.
CREATE TABLE api_credentials (
  id          TEXT PRIMARY KEY,
  api_id      TEXT NOT NULL REFERENCES apis (id),
  secret_hash TEXT NOT NULL,
  created_at  INTEGER NOT NULL
) STRICT;

-- The one scope catalogue: every page and every check reads it.
CREATE TABLE scopes (
  name        TEXT PRIMARY KEY,
  api_id      TEXT NOT NULL REFERENCES apis (id),
  title       TEXT NOT NULL,
  description TEXT NOT NULL,
  sensitive   INTEGER NOT NULL DEFAULT 0 CHECK (sensitive IN (0, 1)),
  position    INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX scopes_by_api ON scopes (api_id, position, name);

-- `epoch` rises whenever the app's tokens must die; tokens carry the epoch they were issued under.
CREATE TABLE apps (
  client_id             TEXT PRIMARY KEY,
  developer_id          TEXT NOT NULL REFERENCES developers (id),
  name                  TEXT NOT NULL,
  description           TEXT NOT NULL,
  logo_url              TEXT,
  app_type              TEXT NOT NULL CHECK (app_type IN ('web', 'server', 'spa', 'mobile')),
  class                 TEXT NOT NULL CHECK (class IN ('portal', 'registered', 'metadata_document', 'operator')),
  status                TEXT NOT NULL CHECK (status IN ('draft', 'pending_review', 'approved', 'rejected', 'suspended')),
  epoch                 INTEGER NOT NULL DEFAULT 1,
  access_token_lifetime INTEGER CHECK (access_token_lifetime BETWEEN 60 AND 86400), -- seconds; NULL: the API's
  created_at            INTEGER NOT NULL
) STRICT;
CREATE INDEX apps_by_developer ON apps (developer_id);

CREATE TABLE app_redirect_uris (
  client_id    TEXT NOT NULL REFERENCES apps (client_id),
  redirect_uri TEXT NOT NULL,
  PRIMARY KEY (client_id, redirect_uri)
) STRICT, WITHOUT ROWID;

-- `is_default`: asked for when an authorization request names no scope.
CREATE TABLE app_scopes (
  client_id  TEXT NOT NULL REFERENCES apps (client_id),
  scope      TEXT NOT NULL REFERENCES scopes (name),
  is_default INTEGER NOT NULL DEFAULT 1 CHECK (is_default IN (0, 1)),
  PRIMARY KEY (client_id, scope)
) STRICT, WITHOUT ROWID;

CREATE TABLE client_secrets (
  id          TEXT PRIMARY KEY,
  client_id   TEXT NOT NULL REFERENCES apps (client_id),
  secret_hash TEXT NOT NULL,
  hint        TEXT NOT NULL, -- the last four letters, so that a person can tell two apart
  created_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX client_secrets_by_app ON client_secrets (client_id);

-- What the operator lets apps ask of an API: for one app, or (client_id '*') for every third-party app.
-- The app's own row beats the default; without either the app gets nothing of that API.
CREATE TABLE client_grants (
  client_id    TEXT NOT NULL,
  api_id       TEXT NOT NULL REFERENCES apis (id),
  subject_type TEXT NOT NULL CHECK (subject_type IN ('user', 'client')),
  access       TEXT NOT NULL CHECK (access IN ('none', 'chosen', 'all')),
  scopes       TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(scopes)), -- read when access is 'chosen'
  PRIMARY KEY (client_id, api_id, subject_type)
) STRICT, WITHOUT ROWID;

-- A consent id is used once: after 'revoked' a new agreement gets a new row. `shard` names the ledger
-- object that keeps the consent's token families; it is chosen once.
CREATE TABLE consents (
  id           TEXT PRIMARY KEY,
  user_id      TEXT NOT NULL REFERENCES users (id),
  client_id    TEXT NOT NULL REFERENCES apps (client_id),
  shard        INTEGER NOT NULL,
  status       TEXT NOT NULL CHECK (status IN ('active', 'revoking', 'revoked')),
  created_at   INTEGER NOT NULL,
  last_used_at INTEGER,
  revoked_at   INTEGER
) STRICT;
CREATE UNIQUE INDEX consents_one_active ON consents (user_id, client_id) WHERE status = 'active';
CREATE INDEX consents_by_user ON consents (user_id, created_at);
CREATE INDEX consents_unfinished ON consents (id) WHERE status = 'revoking';

CREATE TABLE consent_scopes (
  consent_id TEXT NOT NULL REFERENCES consents (id),
  scope      TEXT NOT NULL,
  granted_at INTEGER NOT NULL,
  PRIMARY KEY (consent_id, scope)
) STRICT, WITHOUT ROWID;

-- The claim on an authorization request: the first decision wins, every other reads it back.
CREATE TABLE decisions (
  request_id TEXT PRIMARY KEY,
  attempt    TEXT NOT NULL,
  user_id    TEXT NOT NULL REFERENCES users (id),
  consent_id TEXT, -- NULL: the user said no
  decided_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX decisions_by_expiry ON decisions (expires_at);

-- The copy that serves a miss in KV. The ledger, not this table, decides whether a code was used.
CREATE TABLE authorization_codes (
  code_hash  TEXT PRIMARY KEY,
  payload    TEXT NOT NULL CHECK (json_valid(payload)),
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX authorization_codes_by_expiry ON authorization_codes (expires_at);
