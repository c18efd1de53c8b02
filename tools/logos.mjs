/** What may be a logo, and the name Latchkey knows it by. `node tools/logos.mjs FILE` prints it. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The largest file that is taken, in bytes: it is loaded with every page that shows the app. */
export const MAX_LOGO = 100_000;

/**
 * The name of a logo: the hash of its content and its type. The type is read from the content, whatever the file is
 * called; an SVG is a program and no picture.
 * @param {Buffer} bytes
 * @returns {string}
 */
export function logoName(bytes) {
  if (bytes.length > MAX_LOGO) throw new Error(`a logo has at most ${MAX_LOGO / 1000} kB, this one ${bytes.length} bytes`);
  const type = typeOf(bytes);
  if (!type) throw new Error("a logo is a PNG, JPEG or WebP picture");
  return `${createHash("sha256").update(bytes).digest("base64url")}.${type}`;
}

/** The key of a logo in KV. */
export const logoKey = (name) => `logo:${name}`;

function typeOf(bytes) {
  const begins = (hex, at = 0) => bytes.subarray(at, at + hex.length / 2).toString("hex") === hex;
  if (begins("89504e470d0a1a0a")) return "png";
  if (begins("ffd8ff")) return "jpeg";
  if (begins("52494646") && begins("57454250", 8)) return "webp";
  return undefined;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    console.log(logoName(readFileSync(process.argv[2])));
  } catch (error) {
    console.error(`latchkey: ${error.message}`);
    process.exitCode = 1;
  }
}
