-- One app (?1) as its developer and its reviewers see it. Why it asks for a scope stands in what was submitted, not in the
-- tables of what is in force.
SELECT json_object(
  'client_id', app.client_id,
  'developer_id', app.developer_id,
  'developer_name', developer.name,
  'approved_developer_name', app.approved_developer_name,
  'app_type', app.app_type,
  'class', app.class,
  'status', app.status,
  'epoch', app.epoch,
  'version', app.version,
  'created_at', app.created_at,
  'approved_at', app.approved_at,
  'in_force', json_object(
    'name', app.name,
    'description', app.description,
    'homepage_url', app.homepage_url,
    'privacy_policy_url', app.privacy_policy_url,
    'terms_of_service_url', app.terms_of_service_url,
    'logo', app.logo,
    'redirect_uris', json((SELECT json_group_array(redirect_uri) FROM app_redirect_uris WHERE client_id = app.client_id)),
    'scopes', json((
      SELECT json_group_array(json_object(
        'scope', scope,
        'is_default', json(CASE is_default WHEN 1 THEN 'true' ELSE 'false' END),
        'is_optional', json(CASE is_optional WHEN 1 THEN 'true' ELSE 'false' END),
        'reason', (
          SELECT json_extract(wanted.value, '$.reason')
          FROM json_each((
            SELECT content FROM submissions WHERE client_id = app.client_id AND status = 'approved'
            ORDER BY number DESC LIMIT 1
          ), '$.scopes') AS wanted
          WHERE json_extract(wanted.value, '$.scope') = app_scopes.scope
        )
      ))
      FROM app_scopes WHERE client_id = app.client_id
    ))
  ),
  'draft', json(app.draft),
  'pending', (SELECT id FROM submissions WHERE client_id = app.client_id AND status = 'pending'),
  'submissions', (SELECT COALESCE(max(number), 0) FROM submissions WHERE client_id = app.client_id),
  'last_was_rejected', json(CASE
    (SELECT status FROM submissions WHERE client_id = app.client_id ORDER BY number DESC LIMIT 1)
    WHEN 'rejected' THEN 'true' ELSE 'false' END),
  'was_rejected', json(CASE
    WHEN EXISTS (SELECT 1 FROM submissions WHERE client_id = app.client_id AND status = 'rejected')
    THEN 'true' ELSE 'false' END)
) AS record
FROM apps AS app
JOIN developers AS developer ON developer.id = app.developer_id
WHERE app.client_id = ?1 AND app.deleted_at IS NULL
