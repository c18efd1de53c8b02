/**
 * The way from a call to the rows of its user, and to nobody else's.
 * @module
 */
import { type UserContext, userOf } from "./context.js";
import { malformed } from "./refusal.js";
import { ConfigurationError } from "./settings.js";

/**
 * For any database: `make` is given the database and the user's id, and makes what routes may do. Export what comes back in
 * place of the database; there is then no way to the rows but with the context of a call.
 */
export function scoped<Database, Repository>(
  database: Database,
  make: (database: Database, userId: string) => Repository,
): (auth: UserContext) => Repository {
  return (auth) => make(database, userOf(auth));
}

/** A table whose rows belong to users. */
export interface UserTable {
  /** The column with the owner's id. No answer has it. */
  user: string;
  /** The columns that may be read, looked for and written. */
  columns: readonly string[];
}

/** A value of SQL. */
export type Value = string | number | bigint | boolean | null | Uint8Array;

/** The options of {@link userTables}. */
export interface UserTablesOptions<Tables extends Record<string, UserTable>> {
  /** By the table's name. */
  tables: Tables;
  /** Runs a statement and gives its rows. */
  query: (sql: string, values: Value[]) => unknown;
  /** How the n-th value stands in a statement: `?` if nothing is said; PostgreSQL has `$1`. */
  placeholder?: (n: number) => string;
  /** How many rows a list has if nothing is said (20), and at most (100). */
  limit?: { usual: number; most: number };
}

type Column<T extends UserTable> = T["columns"][number];
type Row<T extends UserTable> = Record<Column<T>, unknown>;
type Where<T extends UserTable> = { [C in Column<T>]?: Value };

/** What a route may do with one table: all of it with the rows of one user. */
export interface Rows<T extends UserTable> {
  /**
   * @param page `limit` as the query of the call has it: more than is allowed is as much as is allowed
   * @throws {Refusal} `limit` is no whole number from 1
   */
  list(page?: {
    where?: Where<T>;
    orderBy?: Column<T>;
    descending?: boolean;
    limit?: string | number | null | undefined;
  }): Promise<Row<T>[]>;
  /** The first that fits. */
  find(where: Where<T>): Promise<Row<T> | undefined>;
  insert(values: Where<T>): Promise<void>;
  update(where: Where<T>, values: Where<T>): Promise<void>;
  /** @throws {TypeError} nothing says which */
  delete(where: Where<T>): Promise<void>;
}

/**
 * For SQL: tables of which every statement names the owner, because none is written by hand. What it cannot say, say with
 * {@link scoped}.
 * @throws {ConfigurationError} a name that is none, or a table that would show its owner
 */
export function userTables<const Tables extends Record<string, UserTable>>(
  options: UserTablesOptions<Tables>,
): (auth: UserContext) => { readonly [Name in keyof Tables]: Rows<Tables[Name]> } {
  const { tables, query, placeholder = () => "?", limit = { usual: 20, most: 100 } } = options;
  for (const [name, { user, columns }] of Object.entries(tables)) {
    for (const one of [name, user, ...columns])
      if (!/^[A-Za-z_]\w*$/.test(one)) throw new ConfigurationError(`${one} is no name of a table or a column.`);
    if (columns.includes(user)) throw new ConfigurationError(`${name}: the owner's column is not one of those to read.`);
  }
  return (auth) => {
    const userId = userOf(auth);
    const made = Object.entries(tables).map(([name, table]) => {
      const rows = new OwnRows(name, table, userId, placeholder, limit, async (sql, values) => {
        const found = await query(sql, values);
        return Array.isArray(found) ? found : [];
      });
      return [name, rows];
    });
    return Object.freeze(Object.fromEntries(made)) as { [Name in keyof Tables]: Rows<Tables[Name]> };
  };
}

/** A statement, as far as it is written. */
class Statement {
  readonly values: Value[] = [];
  readonly #placeholder: (n: number) => string;

  constructor(placeholder: (n: number) => string) {
    this.#placeholder = placeholder;
  }

  value(value: Value): string {
    this.values.push(value);
    return this.#placeholder(this.values.length);
  }
}

class OwnRows<T extends UserTable> implements Rows<T> {
  readonly #name: string;
  readonly #table: T;
  readonly #userId: string;
  readonly #placeholder: (n: number) => string;
  readonly #limit: { usual: number; most: number };
  readonly #query: (sql: string, values: Value[]) => Promise<unknown[]>;

  constructor(
    name: string,
    table: T,
    userId: string,
    placeholder: (n: number) => string,
    limit: { usual: number; most: number },
    query: (sql: string, values: Value[]) => Promise<unknown[]>,
  ) {
    this.#name = name;
    this.#table = table;
    this.#userId = userId;
    this.#placeholder = placeholder;
    this.#limit = limit;
    this.#query = query;
  }

  async list({ where = {}, orderBy, descending = false, limit }: Parameters<Rows<T>["list"]>[0] = {}) {
    const statement = this.#statement();
    let sql = `SELECT ${this.#columns()} FROM ${quoted(this.#name)} WHERE ${this.#own(statement, where)}`;
    if (orderBy !== undefined) sql += ` ORDER BY ${this.#column(orderBy)} ${descending ? "DESC" : "ASC"}`;
    sql += ` LIMIT ${statement.value(capped(limit, this.#limit))}`;
    return (await this.#query(sql, statement.values)) as Row<T>[];
  }

  async find(where: Where<T>) {
    const [first] = await this.list({ where, limit: 1 });
    return first;
  }

  async insert(values: Where<T>) {
    const statement = this.#statement();
    const entries = entriesOf(values);
    const columns = [quoted(this.#table.user), ...entries.map(([column]) => this.#column(column))];
    const all = [this.#userId, ...entries.map(([, value]) => value)].map((value) => statement.value(value));
    await this.#query(`INSERT INTO ${quoted(this.#name)} (${columns}) VALUES (${all})`, statement.values);
  }

  async update(where: Where<T>, values: Where<T>) {
    const statement = this.#statement();
    const changes = entriesOf(values).map(([column, value]) => `${this.#column(column)} = ${statement.value(value)}`);
    if (changes.length === 0) throw new TypeError("Nothing is to be changed.");
    const which = this.#own(statement, where);
    await this.#query(`UPDATE ${quoted(this.#name)} SET ${changes} WHERE ${which}`, statement.values);
  }

  async delete(where: Where<T>) {
    if (Object.keys(where).length === 0) throw new TypeError("Which rows are to be deleted?");
    const statement = this.#statement();
    const which = this.#own(statement, where);
    await this.#query(`DELETE FROM ${quoted(this.#name)} WHERE ${which}`, statement.values);
  }

  #statement() {
    return new Statement(this.#placeholder);
  }

  #columns() {
    return this.#table.columns.map(quoted).join(", ");
  }

  /** Every condition begins with the owner. */
  #own(statement: Statement, where: Where<T>): string {
    const owner = `${quoted(this.#table.user)} = ${statement.value(this.#userId)}`;
    const others = entriesOf(where).map(([column, value]) =>
      value === null ? `${this.#column(column)} IS NULL` : `${this.#column(column)} = ${statement.value(value)}`,
    );
    return [owner, ...others].join(" AND ");
  }

  /** Names may come from a call. */
  #column(name: string): string {
    if (!this.#table.columns.includes(name)) throw malformed("there is no such column");
    return quoted(name);
  }
}

const quoted = (name: string) => `"${name}"`;

/** A value that was left out looks for nothing in particular, which nobody means who names the column. */
function entriesOf(values: { [column: string]: Value | undefined }): [string, Value][] {
  return Object.entries(values).map(([column, value]) => {
    if (value === undefined) throw new TypeError(`${column} has no value.`);
    return [column, value];
  });
}

function capped(limit: string | number | null | undefined, { usual, most }: { usual: number; most: number }): number {
  if (limit === undefined || limit === null) return usual;
  if (!/^[1-9]\d{0,8}$/.test(String(limit))) throw malformed("limit is a whole number from 1");
  return Math.min(Number(limit), most);
}
