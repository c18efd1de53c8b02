-- Entries about webhooks named the endpoint's host, which may be a person's own: erasing them must not leave it behind. The
-- trail is changed this once, and says nothing else than before.
DROP TRIGGER audit_is_not_changed;
UPDATE audit SET detail = json_remove(detail, '$.host')
WHERE event IN ('webhook.created', 'webhook.updated') AND json_extract(detail, '$.host') IS NOT NULL;
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN
  SELECT RAISE(ABORT, 'audit rows are not changed');
END;

-- What a developer account did within a day of what is counted by the day (src/management/daily.rs).
CREATE INDEX audit_of_day ON audit (developer_id, event, at)
WHERE event IN ('app.created', 'app.logo_uploaded', 'developer.member_invited');

-- Logos in KV. Those that nothing names any more are deleted (src/management/logos.rs). What the operator put there by hand
-- has no row, and stays.
CREATE TABLE logos (
  name         TEXT PRIMARY KEY,
  look_at      INTEGER NOT NULL, -- when to look next whether something names it
  unused_since INTEGER, -- since when nothing was seen to; NULL: something did, or nobody looked yet
  claim        TEXT -- the run that deletes it; NULL: none does
) STRICT, WITHOUT ROWID;
CREATE INDEX logos_by_look ON logos (look_at);
CREATE INDEX logos_unused ON logos (unused_since) WHERE unused_since IS NOT NULL;
CREATE INDEX logos_claimed ON logos (claim) WHERE claim IS NOT NULL;
CREATE INDEX apps_by_logo ON apps (logo) WHERE logo IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX apps_by_logo_of_draft ON apps (json_extract(draft, '$.logo')) WHERE draft IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX submissions_by_logo ON submissions (json_extract(content, '$.logo'));
-- All that apps show today, wherever it came from.
INSERT INTO logos (name, look_at)
SELECT logo, 0 FROM apps WHERE logo IS NOT NULL AND deleted_at IS NULL
UNION SELECT json_extract(draft, '$.logo'), 0 FROM apps WHERE json_extract(draft, '$.logo') IS NOT NULL AND deleted_at IS NULL
UNION SELECT json_extract(content, '$.logo'), 0 FROM submissions WHERE json_extract(content, '$.logo') IS NOT NULL;
