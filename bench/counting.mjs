// Runs inside workerd, around a Worker: tells in the header `x-bench-costs` what each request asked of storage.
// Requests must come one at a time: what a Durable Object does is counted in the isolate it shares with its Worker.
import { DurableObject, WorkerEntrypoint } from "cloudflare:workers";
import { standIn, watchedEnvironment } from "../tests/workerd/support/faults/environment.mjs";
import { Plan } from "../tests/workerd/support/faults/plan.mjs";

const nothing = () => ({ kvReads: 0, kvWrites: 0, kvLists: 0, objectRequests: 0, rowsWritten: 0 });
const kinds = [
  [/KV\.get/, "kvReads"],
  [/KV\.(put|delete)/, "kvWrites"],
  [/KV\.list/, "kvLists"],
  [/\.fetch$/, "objectRequests"],
];

let costs = nothing();
let cursors = [];
const objects = new Set();

class CountingPlan extends Plan {
  async run(point, describe, call) {
    const kind = kinds.find(([pattern]) => pattern.test(point));
    if (kind) costs[kind[1]]++;
    const result = await super.run(point, describe, call);
    for (const one of [result].flat()) costs.rowsWritten += one?.meta?.rows_written ?? 0;
    return result;
  }
}

function take() {
  for (const cursor of cursors) costs.rowsWritten += cursor.rowsWritten;
  const taken = costs;
  costs = nothing();
  cursors = [];
  return taken;
}

export function counted(Built) {
  const worker = (ctx, env) =>
    Built.prototype instanceof WorkerEntrypoint
      ? new Built(ctx, env)
      : { fetch: (request) => Built.fetch(request, env, ctx) };

  return class extends WorkerEntrypoint {
    async fetch(request) {
      const plan = new CountingPlan([]);
      take();
      const ring = new URL(request.url).pathname === "/bench/ring-alarms";
      const answer = ring
        ? await this.#ringAlarms()
        : await worker(this.ctx, watchedEnvironment(this.env, plan)).fetch(request);
      const told = new Response(answer.body, answer);
      told.headers.set("x-bench-costs", JSON.stringify({ ...take(), trips: plan.trips.toJSON().depth }));
      return told;
    }

    // What the ledger does half a minute after a use. An alarm costs as much as a request.
    async #ringAlarms() {
      for (const id of objects) {
        costs.objectRequests++;
        await this.env.LEDGER.get(this.env.LEDGER.idFromString(id)).ringAlarm();
      }
      objects.clear();
      return new Response(null, { status: 204 });
    }
  };
}

export function countedObject(Built) {
  return class extends DurableObject {
    #built;
    #id;

    constructor(state, env) {
      super(state, env);
      this.#id = state.id.toString();
      const { storage } = state;
      const sql = standIn(storage.sql, {
        exec: (...given) => {
          const cursor = storage.sql.exec(...given);
          cursors.push(cursor);
          return cursor;
        },
      });
      const setAlarm = (...given) => {
        costs.rowsWritten++;
        return storage.setAlarm(...given);
      };
      const watched = standIn(state, { storage: standIn(storage, { sql, setAlarm }) });
      this.#built = new Built(watched, watchedEnvironment(env, new CountingPlan([])));
    }

    fetch(request) {
      objects.add(this.#id);
      return this.#built.fetch(request);
    }

    alarm() {
      return this.#built.alarm();
    }

    ringAlarm() {
      return this.#built.alarm();
    }
  };
}
