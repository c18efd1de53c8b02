// The built worker behind a door that obeys `x-test-faults` and tells `x-test-trips` and `x-test-rows-read`. A request with
// `x-test-schedule` does what the cron trigger of that name does, and is told what each transaction cost. Never deployed.
import { WorkerEntrypoint } from "cloudflare:workers";
import { watchedEnvironment } from "./environment.mjs";
import { Plan } from "./plan.mjs";

// The worker crate unwraps what this property gives, and so panics.
const BREAKS = {
  get continent() {
    throw new Error("injected");
  },
};

export function withFaults(Built) {
  const worker = (ctx, env) =>
    typeof Built === "function"
      ? new Built(ctx, env)
      : { fetch: (request) => Built.fetch(request, env, ctx), scheduled: (event) => Built.scheduled(event, env, ctx) };

  return class extends WorkerEntrypoint {
    async fetch(request) {
      const plan = Plan.read(request.headers.get("x-test-faults"));
      const headers = new Headers(request.headers);
      headers.delete("x-test-faults");
      const inner = worker(this.ctx, watchedEnvironment(this.env, plan));
      const cron = request.headers.get("x-test-schedule");
      if (cron !== null) {
        await inner.scheduled({ cron, scheduledTime: Date.now(), type: "scheduled", noRetry() {} });
        return Response.json(plan.transactions);
      }
      const passed = new Request(request, { headers });
      if (plan.panics) Object.defineProperty(passed, "cf", { value: BREAKS });
      const answer = await inner.fetch(passed);
      const told = new Response(answer.body, answer);
      told.headers.set("x-test-trips", JSON.stringify(plan.trips));
      if (plan.points.length > 0) told.headers.set("x-test-points", encodeURIComponent(JSON.stringify(plan.points)));
      told.headers.set("x-test-rows-read", String(plan.rowsRead));
      told.headers.set("x-test-rows-written", String(plan.rowsWritten));
      return told;
    }

    scheduled(event) {
      return worker(this.ctx, this.env).scheduled(event);
    }
  };
}
