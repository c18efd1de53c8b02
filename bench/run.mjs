/**
 * Compares Latchkey with workers-oauth-provider and with the least a Worker can do, and writes docs/benchmark.md.
 * `--quick`: few requests, to see that it runs; its figures mean little and are only printed.
 */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { countFlows } from "./costs.mjs";
import { load } from "./client.mjs";
import { report } from "./report.mjs";
import { ROOT } from "./systems/built.mjs";
import { FloorSystem } from "./systems/floor.mjs";
import { LatchkeySystem } from "./systems/latchkey.mjs";
import { ProviderSystem } from "./systems/provider.mjs";

const quick = process.argv.includes("--quick");
const [ROUNDS, REQUESTS, WARM_UP] = quick ? [3, 200, 100] : [5, 1000, 500];
// Of /proc; the same on every Linux.
const CLOCK_TICKS = 100;

const say = (text) => process.stderr.write(`${text}\n`);
const home = await mkdtemp(path.join(tmpdir(), "latchkey-bench-"));
const systems = [new LatchkeySystem(), new ProviderSystem(), new FloorSystem()];
const workers = new Map();

try {
  const counts = await countFlows([LatchkeySystem, ProviderSystem], path.join(home, "counted"), say);
  for (const system of systems) workers.set(system, await system.start(path.join(home, system.name)));
  say("Warming up …");
  await round(0, WARM_UP);
  const samples = [];
  for (let number = 1; number <= ROUNDS; number++) {
    say(`Round ${number} of ${ROUNDS} …`);
    samples.push(...(await round(number, REQUESTS)));
  }
  const text = await report({ samples, counts, rounds: ROUNDS, requests: REQUESTS });
  process.stdout.write(text);
  if (!quick) await writeFile(path.join(ROOT, "docs", "benchmark.md"), text);
} finally {
  await Promise.all([...workers.values()].map((worker) => worker.stop()));
  await rm(home, { recursive: true, force: true });
}
process.exit(0);

// Every kind of request, of one system after the other; who begins changes from round to round.
async function round(number, count) {
  const samples = [];
  const turn = number % systems.length;
  const order = [...systems.slice(turn), ...systems.slice(0, turn)];
  for (const system of order) await system.begin(count);
  const kinds = new Set(systems.flatMap((system) => Object.keys(system.kinds)));
  for (const kind of kinds) {
    for (const system of order.filter((one) => one.kinds[kind])) {
      samples.push({ round: number, system: system.name, kind, ...(await measure(system, kind)) });
    }
  }
  return samples;
}

async function measure(system, kind) {
  const { requests, status = 200, keep, times = 1 } = system.kinds[kind];
  const { port, pid } = workers.get(system);
  const prepared = Array(times).fill(requests()).flat();
  const before = await cpuSeconds(pid);
  const { answers, latencies, seconds, busy } = await load(port, prepared);
  const cpu = (await cpuSeconds(pid)) - before;
  const bad = answers.find((answer) => answer.status !== status);
  if (bad) throw new Error(`${system.name}, ${kind}: ${bad.head}\n\n${bad.text()}`);
  if (keep) system.flows.forEach((flow, index) => keep(flow, answers[index]));
  latencies.sort();
  const at = (part) => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * part))];
  return { rate: prepared.length / seconds, p50: at(0.5), p99: at(0.99), cpu: (1000 * cpu) / prepared.length, busy };
}

// What workerd has used of the processor; NaN where /proc does not say.
async function cpuSeconds(pid) {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  const [user, system] = stat.slice(stat.lastIndexOf(")") + 2).split(" ").slice(11, 13);
  return (Number(user) + Number(system)) / CLOCK_TICKS;
}
