-- What the guard asks of calls to an API: its route rules (docs/api-guard.md), as JSON; and where the gateway sends the calls
-- that may go on: an origin. Without one, the gateway does not stand in front of the API.

ALTER TABLE apis ADD COLUMN route_rules TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(route_rules));
ALTER TABLE apis ADD COLUMN upstream TEXT;
