// `make dev`: applies the D1 migrations, then runs Latchkey on http://localhost:8787 until interrupted.
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, writeFileSync } from "node:fs";

const state = ["--persist-to", ".local/state"];

if (!existsSync(".dev.vars")) {
  writeFileSync(".dev.vars", `LATCHKEY_SECRET=${randomBytes(32).toString("base64url")}\n`, { mode: 0o600 });
}

function wrangler(...args) {
  const { status } = spawnSync("wrangler", args, { stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 130);
}

wrangler("d1", "migrations", "apply", "DB", "--local", ...state);
wrangler("dev", "--port", "8787", ...state);
