// What one whole flow asks of storage, counted request by request, and what that costs.
import { load, request } from "./client.mjs";

export const REFRESHES = 10;
const FLOWS = 5;

// Dollars per million (Cloudflare's prices of 2026).
const PRICES = { kvReads: 0.5, kvWrites: 5, kvLists: 5, objectRequests: 0.15, rowsWritten: 1 };
export const dollars = (costs) => Object.entries(PRICES).reduce((sum, [what, price]) => sum + costs[what] * price, 0);

// { [system]: { kinds: { [kind]: costs }, flow: costs } }
export async function countFlows(kindsOfSystem, home, say) {
  const counted = {};
  for (const System of kindsOfSystem) {
    const system = new System();
    say(`Counting what ${system.name} asks of storage …`);
    const worker = await system.start(`${home}-${system.name}`, { counted: true });
    try {
      // The first flow finds everything cold.
      await countFlow(system, worker);
      const flows = [];
      for (let made = 0; made < FLOWS; made++) flows.push(await countFlow(system, worker));
      counted[system.name] = middle(flows);
    } finally {
      await worker.stop();
    }
  }
  return counted;
}

const middle = (flows) => flows.sort((a, b) => dollars(a.flow) - dollars(b.flow))[FLOWS >> 1];

async function countFlow(system, worker) {
  await system.begin(1);
  const kinds = {};
  const flow = {};
  const add = (costs) => {
    for (const [what, count] of Object.entries(costs)) flow[what] = (flow[what] ?? 0) + count;
  };
  for (const kind of Object.keys(system.kinds)) {
    const partOfFlow = !["metadata", "introspection", "client_credentials", "call"].includes(kind);
    const times = kind === "refresh" ? REFRESHES : 1;
    for (let time = 0; time < times; time++) {
      const costs = await countOne(system, kind, worker);
      kinds[kind] = costs;
      if (partOfFlow) add(costs);
      if (partOfFlow && system.afterwards) add(await ask(worker, request("GET", system.afterwards)));
    }
  }
  return { kinds, flow };
}

async function countOne(system, kind, worker) {
  const { requests, status = 200, keep } = system.kinds[kind];
  const [prepared] = requests();
  return ask(worker, prepared, (answer) => {
    if (answer.status !== status) throw new Error(`${system.name}, ${kind}: ${answer.head}\n\n${answer.text()}`);
    keep?.(system.flows[0], answer);
  });
}

async function ask(worker, prepared, look = () => {}) {
  const { answers } = await load(worker.port, [prepared], { connections: 1 });
  look(answers[0]);
  return JSON.parse(answers[0].header("x-bench-costs"));
}
