// What the `Keyring` object keeps, opened with the tests' own sealing key, so that years can pass for it.
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { secrets } from "./harness.mjs";

const [id, secret] = secrets.LATCHKEY_SECRET.split(":");
const cipherKey = (salt) =>
  Buffer.from(hkdfSync("sha256", Buffer.from(secret, "base64url"), salt, "latchkey/1/keyring", 32));
const algorithm = ["chacha20-poly1305", Buffer.alloc(12), { authTagLength: 16 }];
const [name, nonce, options] = algorithm;

// A key id, a salt, the ciphertext and its tag.
export function open(sealed) {
  const bytes = Buffer.from(sealed, "base64url");
  const decipher = createDecipheriv(name, cipherKey(bytes.subarray(1, 17)), nonce, options);
  decipher.setAuthTag(bytes.subarray(-16));
  return JSON.parse(Buffer.concat([decipher.update(bytes.subarray(17, -16)), decipher.final()]));
}

export function seal(value) {
  const salt = randomBytes(16);
  const cipher = createCipheriv(name, cipherKey(salt), nonce, options);
  const text = Buffer.concat([cipher.update(JSON.stringify(value)), cipher.final()]);
  return Buffer.concat([Buffer.from([Number(id)]), salt, text, cipher.getAuthTag()]).toString("base64url");
}

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
