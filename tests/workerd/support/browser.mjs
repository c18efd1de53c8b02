// A browser without script: cookies, redirects inside the issuer, forms. It never leaves the issuer.
import assert from "node:assert/strict";
import { readHtml } from "./html.mjs";
import { authorizationRequest } from "./oauth.mjs";

const isRedirect = (status) => status >= 300 && status < 400;

export class Browser {
  cookies = new Map();

  constructor(latchkey, { headers = {} } = {}) {
    this.latchkey = latchkey;
    this.headers = headers;
  }

  // One request, with the cookies; nothing is followed.
  async request(url, init = {}) {
    const headers = new Headers({ ...this.headers, ...init.headers });
    if (this.cookies.size > 0 && !headers.has("cookie"))
      headers.set("cookie", [...this.cookies].map((pair) => pair.join("=")).join("; "));
    const answer = await this.latchkey.fetch(url, { ...init, headers });
    for (const line of answer.headers.getSetCookie()) this.#keep(line);
    return answer;
  }

  #keep(line) {
    const [, name, value, attributes] = /^([^=]+)=([^;]*)(.*)$/.exec(line);
    if (/max-age=0(;|$)/i.test(attributes) || value === "") this.cookies.delete(name);
    else this.cookies.set(name, value);
  }

  // Follows redirects up to a page, or up to the one that leads away from the issuer (`leaves`).
  async open(url, init = {}) {
    let at = new URL(url, this.latchkey.issuer);
    let answer = await this.request(at, init);
    for (let hops = 0; isRedirect(answer.status); hops++) {
      assert.ok(hops < 10, `redirects without end at ${at}`);
      const next = new URL(answer.headers.get("location"), at);
      if (next.origin !== this.latchkey.issuer) return { answer, status: answer.status, leaves: next };
      at = next;
      answer = await this.request(at, { faults: init.faults });
    }
    const text = await answer.text();
    const html = answer.headers.get("content-type")?.startsWith("text/html") ? readHtml(text, at) : undefined;
    return { answer, status: answer.status, url: at, source: text, ...html };
  }

  // Sends a form as a browser would, by the button with this value or text. `tick`: the boxes that are ticked, if not
  // those that were at first.
  fill(form, { button, fields = {}, tick } = {}) {
    const pressed = form.buttons.filter((one) => one.name && (one.value === button || one.text === button));
    const sent = ({ type, value, checked }) => type !== "checkbox" || (tick ? tick.includes(value) : checked);
    const values = form.fields.filter(sent).map(({ name, value }) => [name, fields[name] ?? value]);
    return {
      method: "POST",
      headers: { origin: this.latchkey.issuer },
      body: new URLSearchParams([...values, ...pressed.map(({ name, value }) => [name, value])]),
    };
  }

  submit(form, { faults, ...options } = {}) {
    return this.open(form.action, { ...this.fill(form, options), faults });
  }

  async signIn(username, continueTo = "/account/apps") {
    const page = await this.open(`/login?continue=${encodeURIComponent(continueTo)}`);
    return this.submit(page.forms[0], { fields: { username } });
  }

  authorize(url, init) {
    return this.open(url, init);
  }

  allow(page, options) {
    return this.submit(page.forms[0], { button: "allow", ...options });
  }

  deny(page, options) {
    return this.submit(page.forms[0], { button: "deny", ...options });
  }

  // The page that asks before the newest connected app is disconnected.
  async askToDisconnect() {
    const list = await this.open("/account/apps");
    return this.open(list.attributes("a", "href").find((link) => link?.endsWith("/revoke")));
  }

  async disconnect() {
    return this.submit((await this.askToDisconnect()).forms[0]);
  }

  // Connects an app and brings what came back to it: { client, code, code_verifier, redirect_uri, state, iss }.
  async connect(client, parameters = {}) {
    const { url, ...flow } = authorizationRequest(client, parameters);
    const page = await this.authorize(url);
    assert.equal(page.status, 200, page.text ?? page.source ?? String(page.leaves));
    const { leaves } = await this.allow(page);
    const { code, state, iss } = Object.fromEntries(leaves.searchParams);
    assert.ok(code, `no code in ${leaves}`);
    return { ...flow, code, state, iss };
  }
}

export async function signedIn(latchkey, username = "alice") {
  const browser = new Browser(latchkey);
  const page = await browser.signIn(username);
  assert.equal(page.status, 200, page.source);
  return browser;
}
