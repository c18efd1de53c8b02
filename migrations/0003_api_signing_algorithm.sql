-- What an API verifies its access tokens with. RS256 is what every resource server must know (RFC 9068 section 4).
ALTER TABLE apis ADD COLUMN signing_algorithm TEXT NOT NULL DEFAULT 'ES256' CHECK (signing_algorithm IN ('ES256', 'RS256'));
