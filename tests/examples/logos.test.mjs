import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { appLogos, platformLogo } from "../../tools/demo-logos.mjs";
import { logoName, MAX_LOGO } from "../../tools/logos.mjs";

const hash = (bytes) => createHash("sha256").update(bytes).digest("base64url");
const PNG = Buffer.from("89504e470d0a1a0a00", "hex");

test("a logo is named by its content and its type", () => {
  const webp = Buffer.concat([Buffer.from("RIFF"), Buffer.alloc(4), Buffer.from("WEBPVP8 ")]);
  for (const [bytes, type] of [
    [PNG, "png"],
    [Buffer.from("ffd8ffe0", "hex"), "jpeg"],
    [webp, "webp"],
  ])
    assert.equal(logoName(bytes), `${hash(bytes)}.${type}`);
  for (const draw of [platformLogo, ...Object.values(appLogos)]) assert.match(logoName(draw()), /^[\w-]{43}\.png$/);
});

test("what is no picture, or too large a one, is no logo", () => {
  const refused = {
    nothing: Buffer.alloc(0),
    "an SVG, which is a program": Buffer.from("<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>"),
    "a page": Buffer.from("<!doctype html>"),
    "a GIF": Buffer.from("GIF89a"),
    "a sound in a RIFF file": Buffer.from("RIFF0000WAVEfmt "),
    "a PNG that broke off": PNG.subarray(0, 7),
    "a byte too many": Buffer.concat([PNG, Buffer.alloc(MAX_LOGO - PNG.length + 1)]),
  };
  for (const [what, bytes] of Object.entries(refused)) assert.throws(() => logoName(bytes), /^Error: a logo /, what);
  assert.ok(logoName(Buffer.concat([PNG, Buffer.alloc(MAX_LOGO - PNG.length)])));
});
