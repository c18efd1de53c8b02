-- One app (?1) with its developer, redirect URIs, scopes and secrets, and every API with its scopes and what
-- the client grants let the app have of it: the app's own grant beats the default ('*').
SELECT json_object(
  'client_id', app.client_id,
  'developer', json_object('id', developer.id, 'name', COALESCE(app.approved_developer_name, developer.name)),
  'name', app.name,
  'description', app.description,
  'logo', app.logo,
  'app_type', app.app_type,
  'class', app.class,
  'status', app.status,
  'epoch', app.epoch,
  'access_token_lifetime', app.access_token_lifetime,
  'refresh_token_idle_lifetime', app.refresh_token_idle_lifetime,
  'refresh_token_lifetime', app.refresh_token_lifetime,
  'security', json_object(
    'profile', app.security_profile,
    'authentication', app.authentication,
    'jwks', json(app.jwks),
    'jwks_uri', app.jwks_uri,
    'accepts_token_endpoint_audience', app.accepts_token_endpoint_audience,
    'require_pushed_authorization_requests', app.require_pushed_authorization_requests,
    'dpop_bound_access_tokens', app.dpop_bound_access_tokens
  ),
  'document', json((
    SELECT json_object('fetched_at', fetched_at, 'fresh_until', fresh_until)
    FROM metadata_documents WHERE client_id = app.client_id
  )),
  'redirect_uris', json((SELECT json_group_array(redirect_uri) FROM app_redirect_uris WHERE client_id = app.client_id)),
  'scopes', json((
    SELECT json_group_array(json_object('scope', scope, 'is_default', is_default, 'is_optional', is_optional))
    FROM app_scopes WHERE client_id = app.client_id
  )),
  'secrets', json((
    SELECT json_group_array(json_object('id', id, 'secret_hash', secret_hash))
    FROM client_secrets WHERE client_id = app.client_id
  )),
  'tier', json((
    SELECT json_object('requests', requests, 'app_requests', app_requests, 'seconds', seconds) FROM rate_tiers
    WHERE name = COALESCE(app.rate_tier, CASE WHEN app.status IN ('approved', 'pending_review') THEN app.status ELSE 'trial' END)
  )),
  'apis', json((
    SELECT json_group_array(json_object(
      'id', api.id,
      'resource', api.resource,
      'name', api.name,
      'access_token_lifetime', api.access_token_lifetime,
      'signing_algorithm', api.signing_algorithm,
      'scopes', json((
        SELECT json_group_array(json_object(
          'name', name, 'title', title, 'description', description, 'translations', json(translations),
          'sensitive', sensitive
        ))
        FROM (SELECT * FROM scopes WHERE api_id = api.id ORDER BY position, name)
      )),
      'user', json(COALESCE((
        SELECT json_object('access', access, 'scopes', json(scopes)) FROM client_grants
        WHERE api_id = api.id AND subject_type = 'user' AND client_id IN (app.client_id, '*')
        ORDER BY client_id = '*' LIMIT 1
      ), '{"access":"none"}')),
      'client', json(COALESCE((
        SELECT json_object('access', access, 'scopes', json(scopes)) FROM client_grants
        WHERE api_id = api.id AND subject_type = 'client' AND client_id IN (app.client_id, '*')
        ORDER BY client_id = '*' LIMIT 1
      ), '{"access":"none"}'))
    ))
    FROM (SELECT * FROM apis ORDER BY name, id) AS api
  ))
) AS record
FROM apps AS app
JOIN developers AS developer ON developer.id = app.developer_id
WHERE app.client_id = ?1 AND app.deleted_at IS NULL
