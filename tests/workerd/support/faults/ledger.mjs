// The built ledger inside a class of Cloudflare's own kind: only of those does the harness reach the storage.
import { DurableObject } from "cloudflare:workers";

export function withinReach(Built) {
  return class RevocationLedger extends DurableObject {
    #built;

    constructor(state, env) {
      super(state, env);
      this.#built = new Built(state, env);
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
  };
}
