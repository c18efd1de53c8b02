// What the `Keyring` object keeps, opened with the tests' own sealing key, so that years can pass for it.
import { secrets } from "./harness.mjs";
import { sealing } from "./sealed.mjs";

const { open, seal } = sealing(secrets.LATCHKEY_SECRET, "keyring");

const TIMES = ["created_at", "use_from", "superseded_from", "end_known_since"];

// The keyring of a running Latchkey. `write` reaches the object and its mirror.
export async function keyringOf({ worker, kv }) {
  const [object] = await worker.listDurableObjectIds("KEYRING");
  const storage = await worker.getDurableObjectStorage("KEYRING", { id: object });
  const sealed = async () => (await storage.exec("SELECT sealed FROM keyring"))[0].sealed;
  const read = async () => open(await sealed());
  const write = async (set) => {
    const text = seal(set);
    await storage.exec("UPDATE keyring SET sealed = ?", text);
    await storage.exec("INSERT OR REPLACE INTO mirror (id, version) VALUES (1, ?)", String(set.version ?? 0));
    await kv.put("keyring", text);
  };
  // Lets time pass for every key.
  const age = async (milliseconds) => {
    const { version, keys } = await read();
    const earlier = (key) =>
      Object.fromEntries(Object.entries(key).map(([at, value]) => [at, TIMES.includes(at) ? value - milliseconds : value]));
    await write({ version, keys: keys.map(earlier) });
  };
  return { sealed, read, write, age };
}
