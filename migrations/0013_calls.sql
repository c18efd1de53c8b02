-- Calls to APIs behind the guard, added up like usage_hours: never a write per call, and nothing of a user's. Client id
-- '*': all apps, and callers that showed no token. Nothing here is a word of a call: routes are the patterns of rules ('':
-- none names the path; '*': the rest, where there was no room), and scopes those that the routes needed.
CREATE TABLE call_hours (
  client_id    TEXT NOT NULL,
  hour         INTEGER NOT NULL, -- when it began
  api_id       TEXT NOT NULL,
  route        TEXT NOT NULL,
  method       TEXT NOT NULL, -- 'GET', 'other'; '' with the route '*'
  outcome      TEXT NOT NULL, -- 'allowed', '200', 'unanswered', 'refused.insufficient_scope'
  scopes       TEXT NOT NULL, -- those used, separated by spaces; '' where the call was refused
  count        INTEGER NOT NULL,
  milliseconds INTEGER NOT NULL, -- of all whose time is known, together
  up_to_10     INTEGER NOT NULL, -- how many took up to so many milliseconds, and more than in the column before
  up_to_25     INTEGER NOT NULL,
  up_to_50     INTEGER NOT NULL,
  up_to_100    INTEGER NOT NULL,
  up_to_250    INTEGER NOT NULL,
  up_to_500    INTEGER NOT NULL,
  up_to_1000   INTEGER NOT NULL,
  up_to_2500   INTEGER NOT NULL,
  up_to_10000  INTEGER NOT NULL,
  longer       INTEGER NOT NULL,
  PRIMARY KEY (client_id, hour, api_id, route, method, outcome, scopes)
) STRICT, WITHOUT ROWID;
CREATE INDEX call_hours_by_age ON call_hours (hour);
-- Hours that are three days old are added up here.
CREATE TABLE call_days (
  client_id    TEXT NOT NULL,
  day          INTEGER NOT NULL,
  api_id       TEXT NOT NULL,
  route        TEXT NOT NULL,
  method       TEXT NOT NULL,
  outcome      TEXT NOT NULL,
  scopes       TEXT NOT NULL,
  count        INTEGER NOT NULL,
  milliseconds INTEGER NOT NULL,
  up_to_10     INTEGER NOT NULL,
  up_to_25     INTEGER NOT NULL,
  up_to_50     INTEGER NOT NULL,
  up_to_100    INTEGER NOT NULL,
  up_to_250    INTEGER NOT NULL,
  up_to_500    INTEGER NOT NULL,
  up_to_1000   INTEGER NOT NULL,
  up_to_2500   INTEGER NOT NULL,
  up_to_10000  INTEGER NOT NULL,
  longer       INTEGER NOT NULL,
  PRIMARY KEY (client_id, day, api_id, route, method, outcome, scopes)
) STRICT, WITHOUT ROWID;
CREATE INDEX call_days_by_age ON call_days (day);
-- The apps that called most on a day, without a look at the others.
CREATE INDEX usage_hours_ranking_by_calls ON usage_hours (hour, count DESC) WHERE metric = 'calls';
