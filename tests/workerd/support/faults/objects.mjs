// The built objects inside classes of Cloudflare's own kind: only of those does the harness reach the storage.
import { DurableObject } from "cloudflare:workers";
import { standIn } from "./environment.mjs";

export function withinReach(Built) {
  return class extends DurableObject {
    #built;

    constructor(state, env) {
      super(state, env);
      this.beginAnew();
    }

    fetch(request) {
      return this.#built.fetch(request);
    }

    alarm() {
      return this.#built.alarm();
    }

    // Only the runtime may call `alarm` itself.
    ringAlarm() {
      return this.alarm();
    }

    // As after an eviction: what was in memory is gone, what was stored is not.
    beginAnew() {
      this.#built = new Built(this.ctx, this.env);
    }

    // Until it begins anew, something goes wrong inside the object:
    //   statement  of its own database, the one that contains this text, `times` times
    //   directory  every batch it sends to D1
    //   late       so many milliseconds pass before what it first puts into KV is there
    //   fail       "before": it is not done; "after": it is done, and the error comes then;
    //              "evicted" (statements only): it is done, and then the object is gone before it has answered
    goWrong({ statement, directory, late, fail, times = Infinity }) {
      const state = statement ? brokenState(this.ctx, { statement, fail, times }) : this.ctx;
      const env = { ...this.env };
      if (directory) env.DB = brokenDirectory(env.DB, fail);
      if (late) env.KV = lateMirror(env.KV, late);
      this.#built = new Built(state, env);
    }
  };
}

function brokenState(state, { statement, fail, times }) {
  const exec = (text, ...values) => {
    const isHit = text.includes(statement) && times-- > 0;
    // Not while WebAssembly runs: the Worker shares its memory here.
    if (isHit && fail === "evicted") queueMicrotask(() => state.abort("injected: evicted"));
    if (isHit && fail === "before") throw new Error(`injected: ${statement} was not reached`);
    const cursor = state.storage.sql.exec(text, ...values);
    if (isHit && fail === "after") throw new Error(`injected: ${statement} failed when it was done`);
    return cursor;
  };
  return standIn(state, { storage: standIn(state.storage, { sql: standIn(state.storage.sql, { exec }) }) });
}

function brokenDirectory(database, fail) {
  const batch = async (statements) => {
    if (fail === "after") await database.batch(statements);
    throw new Error("injected: the directory does not answer");
  };
  return standIn(database, { batch });
}

function lateMirror(kv, late) {
  let puts = 0;
  const put = async (...given) => {
    if (puts++ === 0) await new Promise((done) => setTimeout(done, late));
    return kv.put(...given);
  };
  return standIn(kv, { put });
}
