// What is to go wrong with the storage calls of one request, and what they came to.
//
// A rule names a point and what happens there:
//   { at: "KV.get", match: "code:", fail: "before" }
//   at      KV.get KV.put KV.delete KV.list, DB.batch DB.run DB.all DB.first DB.raw, LEDGER.fetch KEYRING.fetch
//           FEED.fetch COUNTER.fetch;
//           "KV", "DB", "LEDGER", "KEYRING", "FEED", "COUNTER" stand for all points of that binding, "*" for every point
//           "LIMIT_ADDRESS" and the other limiters; "panic" makes the Worker's own code break
//   match   only where the key, the SQL or the body of the call contains this text
//   fail    "before": the call is not made; "after": it is made, and its reply is lost
//   answer  the call is not made, and this is its result (null: a missing value)
//   delayBefore, delayAfter   milliseconds around the call
//   skip, times               lets the first `skip` calls pass, then holds for `times` calls

const sleep = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

class Rule {
  constructor(given) {
    Object.assign(this, { skip: 0, times: Infinity }, given);
  }

  names(point) {
    return this.at === "*" || this.at === point || this.at === point.split(".", 1)[0];
  }

  async takes(point, describe) {
    if (!this.names(point)) return false;
    if (this.match !== undefined && !(await describe()).includes(this.match)) return false;
    if (this.skip > 0) return this.skip-- < 0;
    return this.times-- > 0;
  }

  async around(point, call) {
    if (this.delayBefore) await sleep(this.delayBefore);
    if (this.fail === "before") throw new Error(`injected: ${point} was not reached`);
    if ("answer" in this) return this.answer;
    const result = await call();
    if (this.delayAfter) await sleep(this.delayAfter);
    if (this.fail === "after") throw new Error(`injected: the reply of ${point} was lost`);
    return result;
  }
}

// Counts the trips to storage, and how many of them had to wait for another one.
class Trips {
  #byPoint = new Map();
  #depthReached = 0;
  #deepest = 0;

  begin(point) {
    this.#byPoint.set(point, (this.#byPoint.get(point) ?? 0) + 1);
    const depth = this.#depthReached + 1;
    this.#deepest = Math.max(this.#deepest, depth);
    return () => {
      this.#depthReached = Math.max(this.#depthReached, depth);
    };
  }

  toJSON() {
    return { ...Object.fromEntries(this.#byPoint), depth: this.#deepest };
  }
}

export class Plan {
  trips = new Trips();
  // By the database, its indexes included.
  rowsRead = 0;
  rowsWritten = 0;
  // What went to Analytics Engine.
  points = [];
  // { sql, read, written }
  transactions = [];

  constructor(rules) {
    this.rules = rules.map((rule) => new Rule(rule));
  }

  static read(header) {
    return new Plan(header === null ? [] : JSON.parse(header));
  }

  async run(point, describe, call) {
    const end = this.trips.begin(point);
    try {
      return await this.obey(point, describe, call);
    } finally {
      end();
    }
  }

  async obey(point, describe, call) {
    for (const rule of this.rules) {
      if (await rule.takes(point, describe)) return await rule.around(point, call);
    }
    return call();
  }

  // Whether the Worker's own code is to panic in this request.
  get panics() {
    return this.rules.some((rule) => rule.at === "panic");
  }
}
