SELECT json_object(
  'id', id,
  'name', name,
  'domain_level', domain_level,
  'issuer', issuer,
  'method', CASE kind
    WHEN 'oidc' THEN json_object('oidc', json_object(
      'client_id', client_id,
      'authentication', client_authentication,
      'client_secret_name', client_secret_name,
      'scopes', scopes
    ))
    ELSE json_object('hand_off', json_object(
      'login_url', login_url,
      'jwks', json(jwks),
      'subject_is_user_id', subject_is_user_id
    ))
  END
) AS record
FROM connections
WHERE status = 'active'
ORDER BY position, name, id
LIMIT 50
