// Stands between the worker and its bindings, so that a plan can break, delay, fake and count every storage call.

// `replacements` maps a property to a function that makes its stand-in; everything else is the binding's own.
export function standIn(target, replacements) {
  return new Proxy(target, {
    get(_, property) {
      const make = Object.hasOwn(replacements, property) ? replacements[property] : undefined;
      if (make) return make;
      const value = Reflect.get(target, property, target);
      // The worker recognises a binding by its constructor's name, so that one stays unbound.
      return typeof value === "function" && property !== "constructor" ? value.bind(target) : value;
    },
  });
}

function keyValue(binding, name, plan) {
  const watched = ["get", "getWithMetadata", "put", "delete", "list"].map((method) => [
    method,
    (...given) =>
      plan.run(
        `${name}.${method}`,
        () => String(given[0]),
        () => binding[method](...given),
      ),
  ]);
  return standIn(binding, Object.fromEntries(watched));
}

function database(binding, name, plan) {
  const originals = new WeakMap();
  const statement = (real, sql) => {
    const watched = ["first", "all", "run", "raw"].map((method) => [
      method,
      (...given) =>
        plan.run(
          `${name}.${method}`,
          () => sql,
          () => real[method](...given),
        ),
    ]);
    const wrapped = standIn(real, {
      ...Object.fromEntries(watched),
      bind: (...values) => statement(real.bind(...values), sql),
    });
    originals.set(wrapped, { real, sql });
    return wrapped;
  };
  return standIn(binding, {
    prepare: (sql) => statement(binding.prepare(sql), sql),
    batch: (statements) => {
      const known = statements.map((one) => originals.get(one));
      const sql = () => known.map((one) => one.sql).join("\n");
      return plan.run(`${name}.batch`, sql, async () => {
        const results = await binding.batch(known.map((one) => one.real));
        const sum = (name) => results.reduce((sum, { meta }) => sum + meta[name], 0);
        const [read, written] = [sum("rows_read"), sum("rows_written")];
        plan.rowsRead += read;
        plan.rowsWritten += written;
        plan.transactions.push({ sql: sql(), read, written });
        return results;
      });
    },
    exec: (sql) =>
      plan.run(
        `${name}.exec`,
        () => sql,
        () => binding.exec(sql),
      ),
    ...(binding.withSession && { withSession: (mark) => database(binding.withSession(mark), name, plan) }),
  });
}

function objects(binding, name, plan) {
  const stub = (real) =>
    standIn(real, {
      fetch: (input, init) => {
        const request = new Request(input, init);
        return plan.run(
          `${name}.fetch`,
          () => request.clone().text(),
          () => real.fetch(request),
        );
      },
    });
  return standIn(binding, {
    get: (...given) => stub(binding.get(...given)),
    getByName: (...given) => stub(binding.getByName(...given)),
  });
}

// Counters, not storage: they may break, and their calls are no trips.
function limiter(binding, name, plan) {
  return standIn(binding, {
    limit: (given) =>
      plan.obey(
        `${name}.limit`,
        () => given.key,
        () => binding.limit(given),
      ),
  });
}

// What is written there, nobody can read back.
function dataset(binding, name, plan) {
  return standIn(binding, {
    writeDataPoint: (point) => {
      plan.points.push(point);
      binding.writeDataPoint(point);
    },
  });
}

// By the names of the bindings; OAUTH_KV is that of the Worker the benchmark compares with.
const wrappers = {
  KV: keyValue,
  OAUTH_KV: keyValue,
  DB: database,
  CALLS: dataset,
  LEDGER: objects,
  KEYRING: objects,
  FEED: objects,
  COUNTER: objects,
};

export function watchedEnvironment(env, plan) {
  const present = Object.entries(wrappers).filter(([name]) => env[name]);
  const bindings = present.map(([name, wrap]) => [name, wrap(env[name], name, plan)]);
  const limiters = Object.keys(env)
    .filter((name) => name.startsWith("LIMIT_"))
    .map((name) => [name, limiter(env[name], name, plan)]);
  return { ...env, ...Object.fromEntries([...bindings, ...limiters]) };
}
