-- The revocation feed: which apps were cut off, whatever statement raised their epoch. Rows go when the last token from before
-- has expired.

CREATE TABLE app_cut_offs (
  client_id TEXT PRIMARY KEY,
  epoch     INTEGER NOT NULL,
  at        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX app_cut_offs_by_time ON app_cut_offs (at);

CREATE TRIGGER an_app_whose_epoch_rises_is_cut_off AFTER UPDATE OF epoch ON apps
WHEN NEW.epoch > OLD.epoch
BEGIN
  INSERT INTO app_cut_offs (client_id, epoch, at)
  VALUES (NEW.client_id, NEW.epoch, CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER))
  ON CONFLICT (client_id) DO UPDATE SET epoch = excluded.epoch, at = excluded.at;
END;
