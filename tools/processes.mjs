/** Starting programs so that their output tells them apart, and so that none outlives the one that started it. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

const STOP_WITHIN = 5_000;

/** Each program that runs, with the promise of its end. */
const running = new Map();

/**
 * Starts a program that stays.
 * @param {string} label
 * @param {string[]} command
 * @param {{cwd: string, env: NodeJS.ProcessEnv, onLine: (label: string, line: string) => void}} options
 */
export function start(label, [program, ...args], { cwd, env, onLine }) {
  // A process group of its own: wrangler's children can be stopped with it, and Ctrl-C reaches only us.
  const child = spawn(program, args, { cwd, env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", (line) => onLine(label, line));
  }
  // "exit" is the program's own end, "close" that of everything that still writes for it.
  const ended = new Promise((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("exit", (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
  const closed = new Promise((resolve) => {
    child.once("close", resolve);
  }).finally(() => running.delete(child));
  running.set(child, closed);
  return { ended, closed };
}

/**
 * Runs a program to its end; its output is shown only when it fails.
 * @param {string} label
 */
export async function run(label, command, options) {
  const lines = [];
  const { ended, closed } = start(label, command, { ...options, onLine: (_, line) => lines.push(line) });
  await closed;
  const how = await ended;
  if (how !== "exit code 0") {
    for (const line of lines) options.onLine(label, line);
    throw new Error(`${label} failed (${how}).`);
  }
}

/** Asks every program to stop, and insists after a while. */
export async function stopAll() {
  const stopped = Promise.all(running.values());
  signalAll("SIGTERM");
  const insist = setTimeout(() => signalAll("SIGKILL"), STOP_WITHIN);
  await stopped;
  clearTimeout(insist);
}

function signalAll(signal) {
  for (const child of running.keys()) {
    try {
      process.kill(-child.pid, signal);
    } catch {
      // It has just ended by itself.
    }
  }
}
