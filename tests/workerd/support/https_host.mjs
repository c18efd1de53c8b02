// Somebody's https server on this machine. workerd reads whom it may trust when miniflare is loaded, so a test imports
// this file before anything that does.
import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:https";
import { tmpdir } from "node:os";
import path from "node:path";
import { after } from "node:test";

// DER (X.690): a tag, a length, and what is inside.
const der = (tag, ...parts) => {
  const inside = Buffer.concat(parts);
  const { length } = inside;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...size]), inside]);
};
const sequence = (...parts) => der(0x30, ...parts);
const identifier = (hex) => der(0x06, Buffer.from(hex, "hex"));
const time = (date) => der(0x18, Buffer.from(`${date.toISOString().replace(/[-:T]|\.\d+/g, "")}`));

// A certificate for "localhost" (RFC 5280) that vouches for itself, for a day.
function selfSigned({ publicKey, privateKey }) {
  const ecdsaWithSha256 = sequence(identifier("2a8648ce3d040302"));
  const name = sequence(der(0x31, sequence(identifier("550403"), der(0x0c, Buffer.from("localhost")))));
  const key = publicKey.export({ type: "spki", format: "der" });
  const day = 24 * 3600 * 1000;
  const validity = sequence(time(new Date(Date.now() - day)), time(new Date(Date.now() + day)));
  const extension = (id, ...value) => sequence(identifier(id), der(0x04, ...value));
  const extensions = sequence(
    extension("551d11", sequence(der(0x82, Buffer.from("localhost")))), // subjectAltName
    extension("551d13", sequence(der(0x01, Buffer.from([0xff])))), // basicConstraints: a CA
  );
  const serial = der(0x02, Buffer.from([1]), createHash("sha256").update(key).digest().subarray(0, 8));
  const content = sequence(
    ...[der(0xa0, der(0x02, Buffer.from([2]))), serial, ecdsaWithSha256, name, validity, name, key],
    der(0xa3, extensions),
  );
  const signature = sign("sha256", content, { key: privateKey, dsaEncoding: "der" });
  const bytes = sequence(content, ecdsaWithSha256, der(0x03, Buffer.from([0]), signature));
  return `-----BEGIN CERTIFICATE-----\n${bytes.toString("base64").replace(/.{64}/g, "$&\n")}\n-----END CERTIFICATE-----\n`;
}

const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
const cert = selfSigned(pair);
const home = mkdtempSync(path.join(tmpdir(), "latchkey-trust-"));
process.env.NODE_EXTRA_CA_CERTS = path.join(home, "localhost.pem");
writeFileSync(process.env.NODE_EXTRA_CA_CERTS, cert);
after(() => rmSync(home, { recursive: true, force: true }));

// { origin, asked }: `respond(request, response)` answers, and `asked` are the paths so far.
export async function startHttpsHost(respond) {
  const asked = [];
  const key = pair.privateKey.export({ type: "pkcs8", format: "pem" });
  const server = createServer({ key, cert }, (request, response) => {
    asked.push(request.url);
    respond(request, response);
  });
  server.listen(0, "localhost");
  await once(server, "listening");
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { origin: `https://localhost:${server.address().port}`, asked };
}
