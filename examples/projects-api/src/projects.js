/**
 * The only way to a user's rows. The user is bound here once, into every statement, so no route can forget it.
 * @param {D1Database} db
 * @param {string} user the `sub` of a user's access token
 */
export function projectsOf(db, user) {
  /** @param {string} sql whose ?1 is the user */
  const statement = (sql, ...values) => db.prepare(sql).bind(user, ...values);

  return {
    /** @param {{limit: number, after: Position | null}} page */
    async list({ limit, after }) {
      const { created_at, id } = after ?? END;
      // One row more than asked for tells whether there is a next page.
      const { results } = await statement(
        `${SELECT_PROJECT} AND (p.created_at, p.id) < (?2, ?3)
         ORDER BY p.created_at DESC, p.id DESC LIMIT ?4`,
        created_at,
        id,
        limit + 1,
      ).all();
      const page = results.slice(0, limit);
      return {
        projects: page.map(toProject),
        ...(results.length > limit && { next_cursor: writeCursor(page[limit - 1]) }),
      };
    },

    /** @param {string} id */
    async find(id) {
      const row = await statement(`${SELECT_PROJECT} AND p.id = ?2`, id).first();
      return row && toProject(row);
    },

    /** @param {{name: string}} project */
    async create({ name }) {
      const row = { id: newId(), name, created_at: Date.now(), tasks: "[]" };
      await statement(
        "INSERT INTO projects (user_id, id, name, created_at) VALUES (?1, ?2, ?3, ?4)",
        row.id,
        row.name,
        row.created_at,
      ).run();
      return toProject(row);
    },

    async profile() {
      const row = await statement("SELECT name, created_at FROM profiles WHERE user_id = ?1").first();
      return row && { name: row.name, member_since: time(row.created_at) };
    },

    async counts() {
      return statement(
        `SELECT (SELECT count(*) FROM projects WHERE user_id = ?1) AS projects,
                (SELECT count(*) FROM tasks WHERE user_id = ?1 AND done = 0) AS open_tasks,
                (SELECT count(*) FROM tasks WHERE user_id = ?1 AND done = 1) AS done_tasks`,
      ).first();
    },
  };
}

/**
 * What an app without a user may see: numbers over everybody, and nothing else.
 * @param {D1Database} db
 */
export function totals(db) {
  return db
    .prepare(
      `SELECT (SELECT count(*) FROM projects) AS projects,
            (SELECT count(*) FROM tasks WHERE done = 0) AS open_tasks,
            (SELECT count(*) FROM tasks WHERE done = 1) AS done_tasks`,
    )
    .first();
}

/**
 * A place in a list that is ordered newest first.
 * @typedef {{created_at: number, id: string}} Position
 */
const END = { created_at: Number.MAX_SAFE_INTEGER, id: "" };

/** @param {Position} position */
function writeCursor({ created_at, id }) {
  return `${created_at}.${id}`;
}

/**
 * @param {string} text
 * @returns {Position | null} null when it is no cursor of ours
 */
export function readCursor(text) {
  const match = /^(\d{1,15})\.(prj_[a-z2-7]{26})$/.exec(text);
  return match && { created_at: Number(match[1]), id: match[2] };
}

const SELECT_PROJECT = `
  SELECT p.id, p.name, p.created_at, (
    SELECT json_group_array(json_object('title', title, 'done', done)) FROM (
      SELECT title, done FROM tasks
      WHERE user_id = p.user_id AND project_id = p.id ORDER BY position)) AS tasks
  FROM projects AS p WHERE p.user_id = ?1`;

/** Names its columns one by one: the owner stays inside. */
function toProject({ id, name, created_at, tasks }) {
  return {
    id,
    name,
    created_at: time(created_at),
    tasks: JSON.parse(tasks).map(({ title, done }) => ({ title, done: done === 1 })),
  };
}

function time(milliseconds) {
  return new Date(milliseconds).toISOString();
}

function newId() {
  const alphabet = "abcdefghijklmnopqrstuvwxyz234567";
  const letters = crypto.getRandomValues(new Uint8Array(26));
  return `prj_${Array.from(letters, (byte) => alphabet[byte & 31]).join("")}`;
}
