import { spawn } from "node:child_process";

const PROGRAMS = {
  darwin: ["open"],
  win32: ["rundll32", "url.dll,FileProtocolHandler"],
};

/**
 * Opens the user's own browser: there they are signed in already, see where they are, and no app reads along
 * (RFC 8252 §8.12). No shell in between, so nothing in the address is a command.
 * @param {string} url
 */
export async function openInSystemBrowser(url) {
  const [program, ...options] = PROGRAMS[process.platform] ?? ["xdg-open"];
  const child = spawn(program, [...options, url], { stdio: "ignore", detached: true });
  // Nothing to open it with: the address was printed, too.
  child.on("error", () => {});
  child.unref();
}
