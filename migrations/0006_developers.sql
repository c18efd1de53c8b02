-- Developers, reviewers, administrators. Identifiers: inv_ invitation, sub_ submission, cmt_ comment, whe_ webhook
-- endpoint, whd_ webhook delivery, lsc_ client secret, apc_ credential of an API.

-- INSERT INTO required (holds) SELECT <condition>: unless it holds, the whole transaction fails. Nothing is stored.
CREATE VIEW required AS SELECT 1 AS holds;
CREATE TRIGGER required_must_hold INSTEAD OF INSERT ON required WHEN NOT COALESCE(NEW.holds, 0)
BEGIN
  SELECT RAISE(ABORT, 'a precondition does not hold');
END;

-- `version` rises with every change that people make; it is the ETag of what can be edited.
ALTER TABLE developers ADD COLUMN contact TEXT; -- an e-mail address, for the operator
ALTER TABLE developers ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
CREATE INDEX developers_by_creation ON developers (created_at DESC, id DESC);
CREATE INDEX developers_by_name ON developers (name COLLATE NOCASE);
ALTER TABLE developer_members ADD COLUMN added_at INTEGER NOT NULL DEFAULT 0;
CREATE INDEX developer_members_by_user ON developer_members (user_id);
CREATE UNIQUE INDEX developer_members_one_owner ON developer_members (developer_id) WHERE role = 'owner';

-- A link that makes whoever opens it, signed in, a member.
CREATE TABLE developer_invitations (
  id           TEXT PRIMARY KEY,
  developer_id TEXT NOT NULL REFERENCES developers (id),
  token_hash   TEXT NOT NULL UNIQUE,
  note         TEXT NOT NULL, -- whom it is for, in the owner's words
  created_by   TEXT NOT NULL REFERENCES users (id),
  created_at   INTEGER NOT NULL,
  expires_at   INTEGER NOT NULL
) STRICT;
CREATE INDEX developer_invitations_by_developer ON developer_invitations (developer_id, created_at);
CREATE INDEX developer_invitations_by_expiry ON developer_invitations (expires_at);

-- The columns of an app, its redirect URIs and its scopes are what counts today. Until its first approval they follow
-- every edit (only testers are served); from then on they are what was approved last, and `draft` has the edits since.
ALTER TABLE apps ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
ALTER TABLE apps ADD COLUMN homepage_url TEXT;
ALTER TABLE apps ADD COLUMN privacy_policy_url TEXT;
ALTER TABLE apps ADD COLUMN terms_of_service_url TEXT;
ALTER TABLE apps ADD COLUMN jwks_uri TEXT;
-- Settings (JSON) that differ from those in force; NULL: none do.
ALTER TABLE apps ADD COLUMN draft TEXT CHECK (json_valid(draft));
ALTER TABLE apps ADD COLUMN approved_at INTEGER; -- NULL: never approved
ALTER TABLE apps ADD COLUMN approved_by TEXT;
-- What its developer account was called when it was approved last: that name was reviewed, and users go on reading it.
ALTER TABLE apps ADD COLUMN approved_developer_name TEXT;
ALTER TABLE apps ADD COLUMN suspended_at INTEGER; -- NULL: it is not suspended
ALTER TABLE apps ADD COLUMN suspension_reason TEXT;
ALTER TABLE apps ADD COLUMN created_by TEXT;
ALTER TABLE apps ADD COLUMN rate_tier TEXT; -- NULL: by status
ALTER TABLE apps ADD COLUMN last_used_at INTEGER; -- a token was issued; to within some minutes
ALTER TABLE apps ADD COLUMN deleted_at INTEGER;
-- Whatever way an app came to be approved: from then on, edits wait for their review.
UPDATE apps SET approved_at = created_at, approved_developer_name = (SELECT name FROM developers WHERE id = developer_id)
WHERE status IN ('approved', 'suspended');
CREATE TRIGGER an_app_entered_as_approved_was_approved AFTER INSERT ON apps
WHEN NEW.status = 'approved' AND NEW.approved_at IS NULL
BEGIN
  UPDATE apps SET approved_at = NEW.created_at,
    approved_developer_name = (SELECT name FROM developers WHERE id = NEW.developer_id) WHERE client_id = NEW.client_id;
END;
CREATE TRIGGER an_app_that_is_approved_was_approved AFTER UPDATE OF status ON apps
WHEN NEW.status = 'approved' AND NEW.approved_at IS NULL
BEGIN
  UPDATE apps SET approved_at = CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER),
    approved_developer_name = (SELECT name FROM developers WHERE id = NEW.developer_id) WHERE client_id = NEW.client_id;
END;
CREATE INDEX apps_by_creation ON apps (created_at DESC, client_id DESC) WHERE deleted_at IS NULL;
CREATE INDEX apps_by_status ON apps (status, created_at DESC, client_id DESC) WHERE deleted_at IS NULL;
CREATE INDEX apps_by_name ON apps (name COLLATE NOCASE) WHERE deleted_at IS NULL;
DROP INDEX apps_by_developer;
CREATE INDEX apps_by_developer ON apps (developer_id, created_at DESC, client_id DESC) WHERE deleted_at IS NULL;

-- Two live at most: a rotation adds the second, completing it deletes the first, cancelling it the second.
ALTER TABLE client_secrets ADD COLUMN last_used_at INTEGER; -- to within some minutes
ALTER TABLE client_secrets ADD COLUMN created_by TEXT;
CREATE TRIGGER two_live_secrets_at_most BEFORE INSERT ON client_secrets
WHEN (SELECT count(*) FROM client_secrets WHERE client_id = NEW.client_id) >= 2
BEGIN
  SELECT RAISE(ABORT, 'two secrets live already');
END;
CREATE TRIGGER a_hundred_testers_at_most BEFORE INSERT ON app_testers
WHEN (SELECT count(*) FROM app_testers WHERE client_id = NEW.client_id) >= 100
BEGIN
  SELECT RAISE(ABORT, 'a hundred testers already');
END;

-- What is reviewed, frozen: `content` is the settings (JSON) as they were submitted.
CREATE TABLE submissions (
  id           TEXT PRIMARY KEY,
  client_id    TEXT NOT NULL REFERENCES apps (client_id),
  number       INTEGER NOT NULL, -- 1 for an app's first
  status       TEXT NOT NULL CHECK (status IN ('pending', 'approved', 'rejected', 'withdrawn')),
  content      TEXT NOT NULL CHECK (json_valid(content)),
  developer_name TEXT NOT NULL, -- what the developer account was called then
  testing      TEXT NOT NULL, -- where and how the app can be tried
  submitted_by TEXT NOT NULL,
  submitted_at INTEGER NOT NULL,
  decided_by   TEXT,
  decided_at   INTEGER,
  reason       TEXT, -- why it was rejected
  UNIQUE (client_id, number)
) STRICT;
CREATE UNIQUE INDEX submissions_one_pending ON submissions (client_id) WHERE status = 'pending';
CREATE INDEX submissions_queue ON submissions (submitted_at, id) WHERE status = 'pending';
-- What was submitted is what is decided. (The name of an account is erased with its only member.)
CREATE TRIGGER submissions_are_frozen BEFORE UPDATE OF client_id, number, content, testing, submitted_by, submitted_at ON submissions
BEGIN
  SELECT RAISE(ABORT, 'what was submitted is not changed');
END;
CREATE TRIGGER submissions_are_decided_once BEFORE UPDATE OF status ON submissions WHEN OLD.status <> 'pending'
BEGIN
  SELECT RAISE(ABORT, 'a submission is decided once');
END;

CREATE TABLE review_comments (
  id          TEXT PRIMARY KEY,
  client_id   TEXT NOT NULL REFERENCES apps (client_id),
  author_id   TEXT NOT NULL,
  author_role TEXT NOT NULL CHECK (author_role IN ('developer', 'reviewer')),
  body        TEXT NOT NULL,
  created_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX review_comments_by_app ON review_comments (client_id, created_at, id);

-- Policy. `is_public`: offered to developers in the portal.
ALTER TABLE apis ADD COLUMN is_public INTEGER NOT NULL DEFAULT 1 CHECK (is_public IN (0, 1));
ALTER TABLE apis ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
ALTER TABLE api_credentials ADD COLUMN hint TEXT NOT NULL DEFAULT '';
ALTER TABLE api_credentials ADD COLUMN last_used_at INTEGER;
CREATE INDEX api_credentials_by_api ON api_credentials (api_id);
ALTER TABLE scopes ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
ALTER TABLE client_grants ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
CREATE INDEX client_grants_by_api ON client_grants (api_id, client_id, subject_type);
-- Scopes that are no more. Nobody gets such a name again: people agreed to what it meant.
CREATE TABLE retired_scopes (
  name TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;
CREATE INDEX app_scopes_by_scope ON app_scopes (scope);
ALTER TABLE connections ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
CREATE INDEX user_identities_by_connection ON user_identities (connection_id);
-- Whether people who signed in by it may use the developer portal.
ALTER TABLE connections ADD COLUMN for_developers INTEGER NOT NULL DEFAULT 1 CHECK (for_developers IN (0, 1));
ALTER TABLE user_roles ADD COLUMN granted_by TEXT;
ALTER TABLE user_roles ADD COLUMN granted_at INTEGER NOT NULL DEFAULT 0;

-- What administrators set in the console and not by variables: 'branding' is {"platform_name", "accent_color", "logo"}.
CREATE TABLE settings (
  name       TEXT PRIMARY KEY,
  value      TEXT NOT NULL CHECK (json_valid(value)),
  version    INTEGER NOT NULL DEFAULT 1,
  updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- How many requests an app may make at APIs behind the guard. The names of statuses are the tiers of apps without one.
CREATE TABLE rate_tiers (
  name     TEXT PRIMARY KEY,
  requests INTEGER NOT NULL CHECK (requests > 0),
  seconds  INTEGER NOT NULL CHECK (seconds BETWEEN 1 AND 86400),
  position INTEGER NOT NULL DEFAULT 0,
  version  INTEGER NOT NULL DEFAULT 1
) STRICT, WITHOUT ROWID;
INSERT INTO rate_tiers (name, requests, seconds, position) VALUES
  ('approved', 1000, 900, 1), ('pending_review', 100, 900, 2), ('trial', 50, 900, 3);

-- People. Whoever is erased keeps nothing but an id, to which the audit trail points.
ALTER TABLE users ADD COLUMN erased_at INTEGER;
ALTER TABLE users ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
CREATE INDEX users_by_creation ON users (created_at DESC, id DESC);
CREATE INDEX users_by_username ON users (username COLLATE NOCASE);
CREATE INDEX users_by_account_name ON users (account_name COLLATE NOCASE) WHERE account_name IS NOT NULL;
CREATE INDEX users_by_name ON users (name COLLATE NOCASE);

-- What the operator took back of an app as a whole: its consents of up to then are ended, some thousand at a time.
ALTER TABLE apps ADD COLUMN revoked_before INTEGER; -- NULL: none is left
CREATE INDEX apps_being_revoked ON apps (client_id) WHERE revoked_before IS NOT NULL;
CREATE INDEX consents_of_app ON consents (client_id, status, created_at) WHERE status IN ('active', 'revoking');
CREATE INDEX user_roles_by_role ON user_roles (role, user_id);

-- In which developer account's trail an entry belongs.
ALTER TABLE audit ADD COLUMN developer_id TEXT;
DROP INDEX audit_by_app;
DROP INDEX audit_by_user;
-- Each index ends with `seq`, in the order of which pages are listed.
CREATE INDEX audit_of_app ON audit (client_id) WHERE client_id IS NOT NULL;
CREATE INDEX audit_of_user ON audit (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX audit_of_developer ON audit (developer_id) WHERE developer_id IS NOT NULL;
CREATE INDEX audit_of_actor ON audit (actor_id) WHERE actor_id IS NOT NULL;
CREATE INDEX audit_of_event ON audit (event);
CREATE INDEX audit_of_target ON audit (target_id);
CREATE INDEX audit_of_request ON audit (request_id) WHERE request_id IS NOT NULL;

-- Notices. An endpoint of a developer account hears of that account's apps, one of the operator (NULL) of all.
CREATE TABLE webhook_endpoints (
  id            TEXT PRIMARY KEY,
  developer_id  TEXT REFERENCES developers (id),
  url           TEXT NOT NULL,
  format        TEXT NOT NULL DEFAULT 'standard' CHECK (format IN ('standard', 'mail')),
  events        TEXT NOT NULL DEFAULT '["*"]' CHECK (json_valid(events)), -- names of audit events, or "*"
  sealed_secret TEXT NOT NULL, -- the signing secret, sealed under LATCHKEY_SECRET
  status        TEXT NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'disabled')),
  failing_since INTEGER,
  created_at    INTEGER NOT NULL,
  version       INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE INDEX webhook_endpoints_by_developer ON webhook_endpoints (developer_id, created_at);

-- The outbox: an entry of the audit trail on its way to an endpoint.
CREATE TABLE webhook_deliveries (
  id              TEXT PRIMARY KEY,
  endpoint_id     TEXT NOT NULL REFERENCES webhook_endpoints (id) ON DELETE CASCADE,
  audit_seq       INTEGER NOT NULL, -- of the entry; no reference, which each entry would be checked against
  status          TEXT NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'delivered', 'failed')),
  attempts        INTEGER NOT NULL DEFAULT 0,
  next_attempt_at INTEGER, -- NULL: no more; while one is under way: when it counts as broken off
  claim           TEXT, -- the run that makes an attempt
  created_at      INTEGER NOT NULL,
  finished_at     INTEGER
) STRICT;
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (endpoint_id, next_attempt_at) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX webhook_deliveries_claimed ON webhook_deliveries (claim) WHERE claim IS NOT NULL;
CREATE INDEX webhook_deliveries_by_endpoint ON webhook_deliveries (endpoint_id, created_at DESC, id DESC);
CREATE INDEX webhook_deliveries_by_finish ON webhook_deliveries (finished_at) WHERE finished_at IS NOT NULL;

CREATE TABLE webhook_attempts (
  delivery_id TEXT NOT NULL REFERENCES webhook_deliveries (id) ON DELETE CASCADE,
  number      INTEGER NOT NULL,
  at          INTEGER NOT NULL,
  status      INTEGER, -- the HTTP status; NULL: no answer
  error       TEXT,
  duration_ms INTEGER NOT NULL,
  PRIMARY KEY (delivery_id, number)
) STRICT, WITHOUT ROWID;

-- What may leave the server, and whom it is for. Everything else in the trail stays inside.
CREATE TRIGGER notices_enter_the_outbox AFTER INSERT ON audit
WHEN NEW.event IN (
  'app.submitted', 'app.approved', 'app.rejected', 'app.suspended', 'app.reinstated', 'app.deleted', 'consent.granted',
  'consent.ended', 'consent.expiring', 'refresh_token.reused', 'client_secret.rotation_started', 'client_secret.rotated',
  'client_secret.rotation_cancelled', 'developer.member_invited')
BEGIN
  INSERT INTO webhook_deliveries (id, endpoint_id, audit_seq, next_attempt_at, created_at)
  SELECT 'whd_' || lower(hex(randomblob(16))), e.id, NEW.seq, NEW.at, NEW.at
  FROM webhook_endpoints e
  WHERE (e.developer_id IS NULL
         OR e.developer_id = COALESCE(NEW.developer_id, (SELECT developer_id FROM apps WHERE client_id = NEW.client_id)))
    AND e.status = 'active' AND EXISTS (SELECT 1 FROM json_each(e.events) WHERE value IN ('*', NEW.event));
END;

-- Monitoring. Counted in memory and added here about once a second: never a write per token. Client id '*': all apps.
CREATE TABLE usage_hours (
  client_id TEXT NOT NULL,
  hour      INTEGER NOT NULL, -- when it began
  metric    TEXT NOT NULL, -- 'token.refresh_token', 'error.invalid_grant'
  count     INTEGER NOT NULL,
  PRIMARY KEY (client_id, hour, metric)
) STRICT, WITHOUT ROWID;
CREATE INDEX usage_hours_by_age ON usage_hours (hour);
-- The busiest apps of a day, without a look at the others.
CREATE INDEX usage_hours_ranking ON usage_hours (hour, count DESC) WHERE metric = 'tokens';
-- Hours that are three days old are added up here.
CREATE TABLE usage_days (
  client_id TEXT NOT NULL,
  day       INTEGER NOT NULL,
  metric    TEXT NOT NULL,
  count     INTEGER NOT NULL,
  PRIMARY KEY (client_id, day, metric)
) STRICT, WITHOUT ROWID;
CREATE INDEX usage_days_by_age ON usage_days (day);
-- The last batch that each isolate wrote: one whose answer was lost is not added twice.
CREATE TABLE usage_writers (
  id     TEXT PRIMARY KEY,
  number INTEGER NOT NULL,
  at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- Kept while the day's users are counted.
CREATE TABLE app_active_users (
  client_id TEXT NOT NULL,
  day       INTEGER NOT NULL,
  user_id   TEXT NOT NULL,
  PRIMARY KEY (client_id, day, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX app_active_users_by_age ON app_active_users (day);
-- The developer's own error log: which request failed, and why.
CREATE TABLE app_errors (
  seq         INTEGER PRIMARY KEY,
  client_id   TEXT NOT NULL,
  at          INTEGER NOT NULL,
  endpoint    TEXT NOT NULL, -- the route's name
  error       TEXT NOT NULL,
  description TEXT NOT NULL,
  request_id  TEXT NOT NULL, -- of the first
  count       INTEGER NOT NULL DEFAULT 1 -- alike and at once
) STRICT;
CREATE INDEX app_errors_of_app ON app_errors (client_id);
CREATE INDEX app_errors_by_age ON app_errors (at);

-- Creations that carried an Idempotency-Key, with the answer, sealed, for whoever sends them again.
CREATE TABLE idempotency_keys (
  key_hash     TEXT PRIMARY KEY, -- of who asked, what for, and their key
  request_hash TEXT NOT NULL,
  sealed_reply TEXT NOT NULL,
  expires_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_keys_by_expiry ON idempotency_keys (expires_at);
