/** Starting programs so that their output tells them apart, and so that none outlives the one that started it. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

const STOP_WITHIN = 5_000;
const running = new Set();

/**
 * Starts a program that stays.
 * @param {string} label
 * @param {string[]} command
 * @param {{cwd: string, env: NodeJS.ProcessEnv, onLine: (label: string, line: string) => void}} options
 */
export function start(label, [program, ...args], { cwd, env, onLine }) {
  // A process group of its own: wrangler's children can be stopped with it, and Ctrl-C reaches only us.
  const child = spawn(program, args, { cwd, env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  running.add(child);
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", (line) => onLine(label, line));
  }
  const ended = new Promise((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("close", (code, signal) => resolve(signal ?? `exit code ${code}`));
  }).finally(() => running.delete(child));
  return { label, ended };
}

/**
 * Runs a program to its end; its output is shown only when it fails.
 * @param {string} label
 */
export async function run(label, command, options) {
  const lines = [];
  const { ended } = start(label, command, { ...options, onLine: (_, line) => lines.push(line) });
  const how = await ended;
  if (how !== "exit code 0") {
    for (const line of lines) options.onLine(label, line);
    throw new Error(`${label} failed (${how}).`);
  }
}

/** Asks every program to stop, and insists after a while. */
export async function stopAll() {
  const stopped = Promise.all(
    [...running].map(
      (child) =>
        new Promise((resolve) => {
          child.once("close", resolve);
        }),
    ),
  );
  signalAll("SIGTERM");
  const insist = setTimeout(() => signalAll("SIGKILL"), STOP_WITHIN);
  await stopped;
  clearTimeout(insist);
}

function signalAll(signal) {
  for (const child of running) {
    try {
      process.kill(-child.pid, signal);
    } catch {
      // It has just ended by itself.
    }
  }
}
