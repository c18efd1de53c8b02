-- How many requests an app may make in a tier's time altogether, beside how many it may make for one user.
ALTER TABLE rate_tiers ADD COLUMN app_requests INTEGER NOT NULL DEFAULT 100000 CHECK (app_requests > 0);
UPDATE rate_tiers SET app_requests = min(requests * 100, 1000000000);
