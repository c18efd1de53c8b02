#!/usr/bin/env node
import { homedir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { fileStorage } from "@latchkey/client/node";
import { LatchkeyError } from "@latchkey/client";
import { Phone } from "./src/phone.js";
import { openInSystemBrowser } from "./src/system-browser.js";

const HELP = `phone connect          connect, and be answered at this machine's loopback address
phone connect --link   connect, and be answered by a link that the system hands over:
phone open-link LINK   what a phone does with such a link
phone sync             fetch the projects into projects.json
phone add NAME         create a project
phone disconnect       give the access back

Set ISSUER, API and CLIENT_ID; for --link, REDIRECT_URI: an https address that belongs to the
app (app link, universal link) or com.example.phone:/callback. PHONE_HOME is where it keeps things.
`;

/**
 * @param {string[]} args
 * @param {object} [system] what a test puts in place of the real one
 * @returns {Promise<number>} the exit code
 */
export async function main([command, argument], system = {}) {
  const {
    env = process.env,
    print = (text) => process.stdout.write(`${text}\n`),
    open = openInSystemBrowser,
    send,
  } = system;
  const home = env.PHONE_HOME ?? path.join(homedir(), ".phone-cli");
  try {
    const phone = new Phone({
      issuer: env.ISSUER ?? "http://localhost:8787",
      api: env.API ?? "http://localhost:8788",
      clientId: env.CLIENT_ID ?? "",
      link: env.REDIRECT_URI,
      // A real phone has a keychain; a file that only its owner reads is the next best thing.
      storage: fileStorage(path.join(home, "secrets.json")),
      file: path.join(home, "projects.json"),
      send,
      print,
      open,
    });
    const commands = {
      connect: () => (argument === "--link" ? phone.connectByLink() : phone.connect()),
      "open-link": () => phone.openLink(argument ?? ""),
      sync: () => phone.sync(),
      add: () => phone.add(argument ?? ""),
      disconnect: () => phone.disconnect(),
    };
    if (!Object.hasOwn(commands, command ?? "")) {
      print(HELP);
      return command === undefined || command === "help" ? 0 : 2;
    }
    await commands[command]();
    return 0;
  } catch (error) {
    if (!(error instanceof LatchkeyError)) throw error;
    print(`${error.message}${error.name === "SignInRequiredError" ? " Try: phone connect" : ""}`);
    return 1;
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) process.exitCode = await main(process.argv.slice(2));
