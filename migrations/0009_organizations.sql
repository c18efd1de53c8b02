-- Organizations: whose identity provider may vouch for their people (Cross App Access), and for which apps. Identifiers:
-- org_ organization, tri_ trusted issuer.

CREATE TABLE organizations (
  id         TEXT PRIMARY KEY,
  name       TEXT NOT NULL,
  status     TEXT NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended')),
  created_at INTEGER NOT NULL,
  version    INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE INDEX organizations_by_creation ON organizations (created_at, id);

CREATE TABLE organization_members (
  organization_id TEXT NOT NULL REFERENCES organizations (id),
  user_id         TEXT NOT NULL REFERENCES users (id),
  role            TEXT NOT NULL CHECK (role IN ('administrator', 'member')),
  added_by        TEXT, -- NULL: the organization's issuer vouched for them
  added_at        INTEGER NOT NULL,
  PRIMARY KEY (organization_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX organization_members_by_user ON organization_members (user_id);
CREATE INDEX organization_members_by_age ON organization_members (organization_id, added_at, user_id);

-- Whose assertions are believed: an issuer, or one of its customers. It belongs to one organization. `shard` is the
-- ledger object that sees to it that each assertion is used once; it is chosen once.
CREATE TABLE trusted_issuers (
  id              TEXT PRIMARY KEY,
  organization_id TEXT NOT NULL REFERENCES organizations (id),
  issuer          TEXT NOT NULL, -- the `iss` of its assertions, letter by letter
  tenant          TEXT NOT NULL DEFAULT '', -- their `tenant`; '': they have none
  jwks_uri        TEXT, -- NULL: as its metadata say
  unknown_people  TEXT NOT NULL DEFAULT 'refuse' CHECK (unknown_people IN ('refuse', 'join')),
  status          TEXT NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'disabled')),
  shard           INTEGER NOT NULL,
  created_at      INTEGER NOT NULL,
  version         INTEGER NOT NULL DEFAULT 1,
  UNIQUE (issuer, tenant)
) STRICT;
CREATE INDEX trusted_issuers_by_organization ON trusted_issuers (organization_id, created_at);

-- Who a user is to a trusted issuer. Nothing else links the two: no e-mail address, no name.
CREATE TABLE vouched_people (
  issuer_id  TEXT NOT NULL REFERENCES trusted_issuers (id),
  subject    TEXT NOT NULL,
  user_id    TEXT NOT NULL REFERENCES users (id),
  linked_by  TEXT, -- NULL: they came by an assertion
  created_at INTEGER NOT NULL,
  PRIMARY KEY (issuer_id, subject)
) STRICT, WITHOUT ROWID;
CREATE INDEX vouched_people_by_user ON vouched_people (user_id);
CREATE INDEX vouched_people_by_age ON vouched_people (issuer_id, created_at, user_id);

-- What an organization decides about an app for everyone in it. No row: it lets nobody in by assertions, and leaves it to
-- its people whether they connect the app themselves.
CREATE TABLE organization_apps (
  organization_id TEXT NOT NULL REFERENCES organizations (id),
  client_id       TEXT NOT NULL REFERENCES apps (client_id) ON DELETE CASCADE,
  decision        TEXT NOT NULL CHECK (decision IN ('allowed', 'blocked')),
  scopes          TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(scopes)), -- when it is allowed
  decided_by      TEXT NOT NULL,
  decided_at      INTEGER NOT NULL,
  version         INTEGER NOT NULL DEFAULT 1,
  -- What its people lose by it ends some thousand people at a time: up to which person that is done (NULL: to the last),
  -- and the last consent there was when it was decided (rowid: no clock says for sure which came first).
  ended_up_to     TEXT,
  ends_through    INTEGER,
  PRIMARY KEY (organization_id, client_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX organization_apps_by_app ON organization_apps (client_id);
CREATE INDEX organization_apps_ending ON organization_apps (organization_id, client_id) WHERE ended_up_to IS NOT NULL;

-- A consent that an organization gave for one of its people; its `instance` is the trusted issuer. NULL: the user's own.
ALTER TABLE consents ADD COLUMN organization_id TEXT REFERENCES organizations (id);
CREATE INDEX consents_of_organization ON consents (organization_id, client_id, user_id)
  WHERE organization_id IS NOT NULL AND status IN ('active', 'revoking');
-- Whose decision ended it, one's own consent too; `ended_by` is 'operator' then. NULL: no organization's.
ALTER TABLE consents ADD COLUMN ended_for TEXT REFERENCES organizations (id);
CREATE INDEX consents_unfinished_for ON consents (ended_for, shard) WHERE status = 'revoking' AND ended_for IS NOT NULL;

-- Whatever takes away what a managed consent stands on takes the consent out of use, in the same transaction. The ledger
-- is told next. What was going to end unused ends now whether it is used or not.
CREATE TRIGGER a_suspended_organization_loses_its_apps AFTER UPDATE OF status ON organizations
WHEN NEW.status = 'suspended'
BEGIN
  UPDATE consents
  SET status = 'revoking', ended_by = 'operator', ended_for = NEW.id,
      revoked_at = COALESCE(revoked_at, CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER))
  WHERE organization_id = NEW.id
    AND status IN ('active', 'revoking') AND (status = 'active' OR ended_by = 'unused');
END;
CREATE TRIGGER a_disabled_issuer_vouched_for_nobody AFTER UPDATE OF status ON trusted_issuers
WHEN NEW.status = 'disabled'
BEGIN
  UPDATE consents
  SET status = 'revoking', ended_by = 'operator', ended_for = NEW.organization_id,
      revoked_at = COALESCE(revoked_at, CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER))
  WHERE organization_id = NEW.organization_id AND instance = NEW.id
    AND status IN ('active', 'revoking') AND (status = 'active' OR ended_by = 'unused');
END;
CREATE TRIGGER who_leaves_an_organization_loses_its_apps AFTER DELETE ON organization_members
BEGIN
  UPDATE consents
  SET status = 'revoking', ended_by = 'operator', ended_for = OLD.organization_id,
      revoked_at = COALESCE(revoked_at, CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER))
  WHERE organization_id = OLD.organization_id AND user_id = OLD.user_id
    AND status IN ('active', 'revoking') AND (status = 'active' OR ended_by = 'unused');
END;
CREATE TRIGGER who_is_linked_no_more_loses_its_apps AFTER DELETE ON vouched_people
BEGIN
  UPDATE consents
  SET status = 'revoking', ended_by = 'operator', ended_for = organization_id,
      revoked_at = COALESCE(revoked_at, CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER))
  WHERE user_id = OLD.user_id AND instance = OLD.issuer_id AND organization_id IS NOT NULL
    AND status IN ('active', 'revoking') AND (status = 'active' OR ended_by = 'unused');
END;
-- Whoever joins keeps nothing that the organization blocks.
CREATE TRIGGER who_joins_an_organization_loses_what_it_blocks AFTER INSERT ON organization_members
BEGIN
  UPDATE consents
  SET status = 'revoking', ended_by = 'operator', ended_for = NEW.organization_id,
      revoked_at = COALESCE(revoked_at, CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER))
  WHERE user_id = NEW.user_id AND organization_id IS NULL
    AND status IN ('active', 'revoking') AND (status = 'active' OR ended_by = 'unused')
    AND client_id IN (SELECT client_id FROM organization_apps
                      WHERE organization_id = NEW.organization_id AND decision = 'blocked');
END;
