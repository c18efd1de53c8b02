-- Every row belongs to one user of the platform (the `sub` of a user's access token).
-- Times are milliseconds since 1970 (UTC).

CREATE TABLE profiles (
  user_id    TEXT PRIMARY KEY,
  name       TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE projects (
  user_id    TEXT NOT NULL,
  id         TEXT NOT NULL UNIQUE,
  name       TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (user_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX projects_newest_first ON projects (user_id, created_at DESC, id DESC);

-- The key names the user too, so a task cannot hang on somebody else's project.
CREATE TABLE tasks (
  user_id    TEXT NOT NULL,
  project_id TEXT NOT NULL,
  position   INTEGER NOT NULL,
  title      TEXT NOT NULL,
  done       INTEGER NOT NULL DEFAULT 0 CHECK (done IN (0, 1)),
  PRIMARY KEY (user_id, project_id, position),
  FOREIGN KEY (user_id, project_id) REFERENCES projects (user_id, id)
) STRICT, WITHOUT ROWID;
