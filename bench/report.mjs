// docs/benchmark.md from the samples and counts of one run.
import { readFile, statfs } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { TOKEN_USES } from "./client.mjs";
import { dollars, REFRESHES } from "./costs.mjs";
import { ROOT } from "./systems/built.mjs";

const US = "Latchkey";
const PEER = "workers-oauth-provider";
const FLOOR = "floor";

// Trips one after another, with a warm app record (docs/architecture.md).
const TRIPS = {
  metadata: 0,
  authorize: 1,
  "consent page": 1,
  decision: 1,
  code: 2,
  refresh: 1,
  introspection: 1,
  client_credentials: 0,
  call: 0,
};
// What an API may do about a call: whose request it is, which, and what to call it.
const CHECKS = [
  ["the guard with its copy of the feed", US, "call"],
  ["the guard by introspection", US, "introspection"],
  [`${PEER}, its own API handler`, PEER, "call"],
  ["a signature, an audience and a time", FLOOR, "signature check"],
  ["nothing", FLOOR, "nothing"],
];
const OF_FLOOR = 0.8;
const OF_PEER = { code: 2.3, refresh: 3 };
const MAX_CPU = 5;
// Half of what the free plan takes (docs/performance.md).
const MAX_SIZE = 1_500_000;

const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
};

export async function report({ samples, counts, rounds, requests }) {
  const of = (system, kind) => samples.filter((one) => one.system === system && one.kind === kind);
  const figure = (system, kind, what) => median(of(system, kind).map((one) => one[what]));
  // Of the same round each, because what else the machine does changes between rounds.
  const ratio = (kind, other) => {
    const rates = new Map(of(other, kind).map((one) => [one.round, one.rate]));
    return median(of(US, kind).map((one) => one.rate / rates.get(one.round)));
  };
  const kinds = Object.keys(TRIPS);
  const size = await gzippedSize();
  const targets = judge({ kinds, figure, ratio, counts, size });

  return `# Benchmark
Written by \`make bench\`; nothing here is entered by hand.

${await machine()}

One run: ${rounds} rounds, in each ${requests} requests of every kind to one system after the other, 16 at a time over as many connections; the figures are medians of the rounds, the ratios medians of the ratios within a round. Every system is a release build in a workerd of its own, asked at its own port, with local KV, D1 and Durable Objects ${await place()}. What a request needs (sessions, codes, tokens) is made before its clock starts. Each flow is another user's first. Latchkey's app authenticates by secret, and so does the other's. Latchkey logs problems only, as the others log nothing, and its rate limits are off. The load client, written for this and in one process, was busy for at most ${percent(Math.max(...samples.map((one) => one.busy)))} of one core.

## Targets
${table(
    ["Target", "Wanted", "Measured", ""],
    targets.map(({ what, wanted, measured, met }) => [what, wanted, measured, met ? "met" : "**missed**"]),
  )}

## Requests per second
${table(
    ["Request", US, PEER, "floor", `${US} / ${PEER}`, `${US} / floor`],
    kinds.map((kind) => [
      kind,
      ...[US, PEER, FLOOR].map((system) => number(figure(system, kind, "rate"))),
      times(ratio(kind, PEER)),
      percent(ratio(kind, FLOOR)),
    ]),
  )}

The floor is the least a Worker can do instead: a static answer for metadata; KV read, ledger write and signature for a code; ledger write and signature for a refresh; a signature for \`client_credentials\`. Its ledger is 16 Durable Objects that write one row. \`${PEER}\` 1.2.3 is wrapped in a Worker that signs nobody in and agrees to everything; it has its page in the request Latchkey redirects, and no introspection endpoint or \`client_credentials\`. Its tokens are opaque: it signs nothing.

## A call to an API
What the check of one costs. The guard's is of a call to its verify endpoint, as a reverse proxy makes it: route rules, signature, app, grant, what was taken back, and usage. The guard by introspection is what an API does that asks about each token. \`${PEER}\` looks the token up in KV. The signature check is a Worker that does nothing but that. A round uses each of its tokens ${TOKEN_USES} times.

${table(
    ["Check", "requests per second", "p50 / p99 in milliseconds", "trips"],
    CHECKS.map(([what, system, kind]) => [
      what,
      number(figure(system, kind, "rate")),
      pair(figure(system, kind, "p50"), figure(system, kind, "p99")),
      counts[system]?.kinds[kind]?.trips ?? 0,
    ]),
  )}

## Milliseconds per request, p50 / p99
${table(
    ["Request", US, PEER, "floor"],
    kinds.map((kind) => [
      kind,
      ...[US, PEER, FLOOR].map((system) => pair(figure(system, kind, "p50"), figure(system, kind, "p99"))),
    ]),
  )}

## Processor time of workerd per request, in milliseconds
Storage included: local KV, D1 and Durable Objects run in the same process.

${table(
    ["Request", US, PEER, "floor"],
    kinds.map((kind) => [kind, ...[US, PEER, FLOOR].map((system) => decimals(figure(system, kind, "cpu")))]),
  )}

## Storage
Trips one after another, and what they do, counted by watched bindings in a pass of its own, with a warm app record.

${table(
    ["Request", `${US}: trips`, "operations", `${PEER}: trips`, "operations"],
    kinds.map((kind) => [kind, ...[US, PEER].flatMap((system) => storage(counts[system].kinds[kind]))]),
  )}

## Cost
A flow is authorize, consent page, decision, code and ${REFRESHES} refreshes. With Latchkey each use is followed by the alarm that tells the directory of it, which in busy ledgers serves many uses at once; so this is the most it costs. Prices per million: KV read $0.50, KV write $5, Durable Object request or alarm $0.15, row written in D1 or a Durable Object $1. Rows read, Worker requests and processor time are left out, as is the deletion of rows that have expired.

${table(
    ["", "KV reads", "KV writes", "object requests", "rows written", "dollars per million flows"],
    [US, PEER].map((system) => {
      const { flow } = counts[system];
      const { kvReads, kvWrites, kvLists, objectRequests, rowsWritten } = flow;
      return [system, kvReads, kvWrites + kvLists, objectRequests, rowsWritten, dollars(flow).toFixed(2)];
    }),
  )}
`;
}

function judge({ kinds, figure, ratio, counts, size }) {
  const targets = [];
  const add = (what, wanted, measured, met) => targets.push({ what, wanted, measured, met });
  for (const [kind, wanted] of Object.entries(OF_PEER)) {
    const reached = ratio(kind, PEER);
    add(`${kind}, of ${PEER}`, `≥ ${wanted} ×`, times(reached), reached >= wanted);
  }
  for (const kind of Object.keys(OF_PEER)) {
    const reached = ratio(kind, FLOOR);
    add(`${kind}, of the floor`, `≥ ${percent(OF_FLOOR)}`, percent(reached), reached >= OF_FLOOR);
  }
  for (const kind of kinds) {
    const { trips } = counts[US].kinds[kind];
    add(`trips: ${kind}`, `${TRIPS[kind]}`, `${trips}`, trips <= TRIPS[kind]);
  }
  const [cpu, dearest] = kinds.map((kind) => [figure(US, kind, "cpu"), kind]).sort(([a], [b]) => b - a)[0];
  add("processor time, dearest request", `< ${MAX_CPU} ms`, `${decimals(cpu)} ms (${dearest})`, cpu < MAX_CPU);
  add("WebAssembly and JavaScript, gzipped", `< ${MAX_SIZE / 1000} kB`, `${(size / 1000).toFixed(1)} kB`, size < MAX_SIZE);
  return targets;
}

async function gzippedSize() {
  const files = ["index_bg.wasm", "index.js"].map((file) => readFile(path.join(ROOT, "build", file)));
  return gzipSync(Buffer.concat(await Promise.all(files)), { level: 9 }).length;
}

async function machine() {
  const version = async (name) =>
    JSON.parse(await readFile(path.join(ROOT, "node_modules", name, "package.json"), "utf8")).version;
  const [{ model }] = os.cpus();
  const day = new Date().toISOString().slice(0, 10);
  return `${day}, ${os.cpus().length} cores (${model.trim()}), ${os.type()}, workerd ${await version("workerd")}, Node.js ${process.versions.node}.`;
}

// Where the state is kept decides what a commit costs; TMPDIR chooses.
async function place() {
  const TMPFS = 0x01021994;
  return (await statfs(os.tmpdir())).type === TMPFS ? "in memory (tmpfs)" : "on disk";
}

const known = (value, text) => (Number.isFinite(value) ? text(value) : "–");
const number = (value) => known(value, (one) => Math.round(one).toLocaleString("en"));
const decimals = (value) => known(value, (one) => one.toFixed(2));
const times = (value) => known(value, (one) => `${one.toFixed(2)} ×`);
const percent = (value) => known(value, (one) => `${Math.round(100 * one)} %`);
const pair = (p50, p99) => known(p50, () => `${p50.toFixed(1)} / ${p99.toFixed(1)}`);

function storage(costs) {
  if (!costs) return ["–", "–"];
  const names = {
    kvReads: "KV read",
    kvWrites: "KV write",
    kvLists: "KV list",
    objectRequests: "object request",
    rowsWritten: "row written",
  };
  const said = Object.entries(names).filter(([what]) => costs[what] > 0);
  return [String(costs.trips), said.map(([what, name]) => `${costs[what]} ${name}${costs[what] > 1 ? "s" : ""}`).join(", ").replace("row writtens", "rows written")];
}

function table(head, rows) {
  const line = (cells) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}
