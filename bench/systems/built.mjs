// Workers as workerd loads them: bundled, in a directory of their own.
import { cp, mkdir } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import esbuild from "esbuild";

export const ROOT = fileURLToPath(new URL("../../", import.meta.url));

// A Worker of this folder, behind the counting module if `counted`.
export async function bundle(source, directory, { counted = false, ledger } = {}) {
  const entry = path.join(directory, "worker.js");
  const module = `./${path.relative(ROOT, source)}`;
  await esbuild.build({
    stdin: { contents: counted ? countedEntry(module, ledger) : plainEntry(module), resolveDir: ROOT },
    outfile: entry,
    bundle: true,
    format: "esm",
    external: ["cloudflare:*", "node:*", "*.wasm"],
    logLevel: "warning",
  });
  return { directory, entry };
}

// Latchkey's release build, as it would be deployed.
export async function copyLatchkey(directory, { counted = false } = {}) {
  const build = path.join(ROOT, "build");
  await mkdir(directory, { recursive: true });
  if (!counted) {
    await cp(build, directory, { recursive: true });
    return { directory, entry: path.join(directory, "index.js") };
  }
  await cp(path.join(build, "index_bg.wasm"), path.join(directory, "index_bg.wasm"));
  return bundle(path.join(build, "index.js"), directory, { counted, ledger: "RevocationLedger" });
}

const plainEntry = (module) => `export * from "${module}"; export { default } from "${module}";`;

// Of two exports of one name the entry's own counts.
const countedEntry = (module, ledger) => `
import * as built from "${module}";
import { counted, countedObject } from "./bench/counting.mjs";
export * from "${module}";
${ledger ? `export const ${ledger} = countedObject(built.${ledger});` : ""}
export default counted(built.default);
`;
