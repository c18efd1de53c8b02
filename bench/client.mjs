// A load client small enough not to be what is measured: requests written beforehand, over connections that stay
// open, one request at a time on each.
import net from "node:net";

const END_OF_HEAD = Buffer.from("\r\n\r\n");
const NOTHING = Buffer.alloc(0);

// How often a round uses each token for a call: a token serves many, and what its first costs is seldom paid.
export const TOKEN_USES = 4;

// One request as the bytes to send.
export function request(method, url, headers = {}, body = "") {
  const { host, pathname, search } = new URL(url);
  const lines = [`${method} ${pathname}${search} HTTP/1.1`, `host: ${host}`];
  for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
  if (method !== "GET") lines.push(`content-length: ${Buffer.byteLength(body)}`);
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n${body}`);
}

// Sends all of them and returns { answers, latencies, seconds, busy }: latencies in milliseconds, `busy` the part of
// one core that this client used.
export async function load(port, requests, { connections = 16 } = {}) {
  const answers = new Array(requests.length);
  const latencies = new Float64Array(requests.length);
  const sockets = await Promise.all(Array.from({ length: connections }, () => connect(port)));
  let next = 0;
  const cpu = process.cpuUsage();
  const began = performance.now();
  await Promise.all(
    sockets.map(async (socket) => {
      const reader = new Reader(socket);
      while (next < requests.length) {
        const index = next++;
        const sent = performance.now();
        socket.write(requests[index]);
        answers[index] = await reader.answer();
        latencies[index] = performance.now() - sent;
      }
    }),
  );
  const seconds = (performance.now() - began) / 1000;
  const used = process.cpuUsage(cpu);
  for (const socket of sockets) socket.destroy();
  return { answers, latencies, seconds, busy: (used.user + used.system) / 1e6 / seconds };
}

function connect(port) {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: "127.0.0.1", noDelay: true });
    socket.once("error", reject);
    socket.once("connect", () => resolve(socket));
  });
}

class Reader {
  #buffered = NOTHING;
  #waiting;

  constructor(socket) {
    socket.on("data", (chunk) => {
      this.#buffered = this.#buffered.length > 0 ? Buffer.concat([this.#buffered, chunk]) : chunk;
      this.#advance();
    });
    const lost = (error) => this.#waiting?.reject(error ?? new Error("the connection was closed"));
    socket.on("error", lost);
    socket.on("close", () => lost());
  }

  answer() {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#advance();
    });
  }

  #advance() {
    const end = this.#waiting ? this.#buffered.indexOf(END_OF_HEAD) : -1;
    if (end < 0) return;
    const head = this.#buffered.latin1Slice(0, end);
    const start = end + END_OF_HEAD.length;
    const [, length] = /\r\ncontent-length: *(\d+)/i.exec(head) ?? [];
    const whole = length === undefined ? this.#chunked(head, start) : this.#fixed(start, Number(length));
    if (!whole) return;
    this.#buffered = this.#buffered.subarray(whole.end);
    const { resolve } = this.#waiting;
    this.#waiting = undefined;
    resolve(new Answer(head, whole.body));
  }

  #fixed(start, length) {
    const end = start + length;
    return this.#buffered.length >= end ? { end, body: this.#buffered.subarray(start, end) } : undefined;
  }

  #chunked(head, start) {
    if (!/\r\ntransfer-encoding: *chunked/i.test(head)) return { end: start, body: NOTHING };
    const parts = [];
    for (let at = start; ; ) {
      const line = this.#buffered.indexOf("\r\n", at);
      if (line < 0) return undefined;
      const size = Number.parseInt(this.#buffered.latin1Slice(at, line), 16);
      const end = line + 2 + size + 2;
      if (this.#buffered.length < end) return undefined;
      if (size === 0) return { end, body: Buffer.concat(parts) };
      parts.push(this.#buffered.subarray(line + 2, line + 2 + size));
      at = end;
    }
  }
}

export class Answer {
  constructor(head, body) {
    this.head = head;
    this.body = body;
    this.status = Number(head.slice(9, 12));
  }

  header(name) {
    return new RegExp(`\r\n${name}: *([^\r]*)`, "i").exec(this.head)?.[1];
  }

  text() {
    return this.body.toString();
  }

  json() {
    return JSON.parse(this.text());
  }
}
