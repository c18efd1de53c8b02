// Several isolates of one deployment: the same code, KV, database and objects, each with a memory of its own.
// `change(index)` may give one of them other vars or secrets, as `startLatchkey` takes them, and `ratelimits` as
// wrangler.toml has them.
import { after } from "node:test";
import { createTestHarness } from "wrangler";
import { Latchkey, secrets, vars } from "./harness.mjs";
import { assembleWorker } from "./worker_directory.mjs";

export async function startIsolates(count, change = () => ({})) {
  const assembled = await assembleWorker();
  const { config } = assembled;
  const own = config.name;
  const shared = {
    compatibility_date: config.compatibility_date,
    compatibility_flags: config.compatibility_flags,
    main: assembled.entry,
    base_dir: assembled.directory,
    no_bundle: true,
    find_additional_modules: true,
    kv_namespaces: [{ binding: "KV", id: "shared" }],
    d1_databases: [{ binding: "DB", database_id: "shared", database_name: "shared", migrations_dir: "migrations" }],
  };
  const isolate = (index, rest) => {
    const changed = change(index);
    const { ratelimits } = changed;
    return { ...shared, ...rest, ...(ratelimits && { ratelimits }), vars: { ...vars, ...secrets, ...changed.vars, ...changed.secrets } };
  };
  const bindings = config.durable_objects.bindings.map(({ name, class_name }) => ({ name, class_name }));
  const { migrations, exports } = config;
  const first = isolate(0, { name: own, durable_objects: { bindings }, migrations, exports });
  const borrowed = bindings.map((one) => ({ ...one, script_name: own }));
  const others = Array.from({ length: count - 1 }, (_, index) =>
    isolate(index + 1, { name: `${own}-${index + 2}`, durable_objects: { bindings: borrowed } }),
  );
  const server = createTestHarness({ workers: [first, ...others].map((one) => ({ config: one })) });
  after(async () => {
    await server.close();
    await assembled.remove();
  });
  await server.listen();
  const workers = [first, ...others].map(({ name }) => server.getWorker(name));
  const env = await workers[0].getEnv();
  return workers.map((worker) => new Latchkey(server, worker, env));
}
