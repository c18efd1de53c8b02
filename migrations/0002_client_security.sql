-- How an app proves who it is, and how strict the server is with it.

-- What a confidential app proves itself with. With a secret it may use Basic or post, whichever it sends.
ALTER TABLE apps ADD COLUMN authentication TEXT NOT NULL DEFAULT 'client_secret'
  CHECK (authentication IN ('client_secret', 'private_key_jwt'));
-- The public keys of an app that uses private_key_jwt: a JWK Set (RFC 7517 section 5).
ALTER TABLE apps ADD COLUMN jwks TEXT CHECK (json_valid(jwks));
-- Whether its assertions may also name the token endpoint's URL as audience, as RFC 7523 once allowed.
ALTER TABLE apps ADD COLUMN accepts_token_endpoint_audience INTEGER NOT NULL DEFAULT 0
  CHECK (accepts_token_endpoint_audience IN (0, 1));

-- Client metadata of RFC 9126 section 6 and RFC 9449 section 5.2.
ALTER TABLE apps ADD COLUMN require_pushed_authorization_requests INTEGER NOT NULL DEFAULT 0
  CHECK (require_pushed_authorization_requests IN (0, 1));
ALTER TABLE apps ADD COLUMN dpop_bound_access_tokens INTEGER NOT NULL DEFAULT 0
  CHECK (dpop_bound_access_tokens IN (0, 1));
-- 'fapi_2' demands all of the FAPI 2.0 Security Profile: private_key_jwt, PAR, DPoP.
ALTER TABLE apps ADD COLUMN security_profile TEXT NOT NULL DEFAULT 'standard'
  CHECK (security_profile IN ('standard', 'fapi_2'));

-- Seconds its refresh tokens live: from one use to the next, and at most. NULL: 60 days, one year.
ALTER TABLE apps ADD COLUMN refresh_token_idle_lifetime INTEGER
  CHECK (refresh_token_idle_lifetime BETWEEN 300 AND 31536000);
ALTER TABLE apps ADD COLUMN refresh_token_lifetime INTEGER
  CHECK (refresh_token_lifetime BETWEEN 300 AND 31536000);
