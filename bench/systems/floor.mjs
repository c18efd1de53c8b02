// The least a Worker can do (see floor/worker.mjs), under the names of the requests it is the floor of.
import { randomBytes } from "node:crypto";
import path from "node:path";
import { startOwnWorkerd } from "../../tests/workerd/support/own_workerd.mjs";
import { load, request, TOKEN_USES } from "../client.mjs";
import { bundle, ROOT } from "./built.mjs";

const at = (rest, headers) => request("POST", `https://floor.example${rest}`, headers);

export class FloorSystem {
  name = "floor";
  kinds = {
    metadata: { requests: () => this.ids.map(() => request("GET", "https://floor.example/static")) },
    code: { requests: () => this.ids.map((id) => at(`/code?id=${id}`)) },
    refresh: {
      requests: () => this.ids.map((id) => at(`/refresh?id=${id}`)),
      keep: (flow, answer) => (flow.token = answer.json().access_token),
    },
    "signature check": {
      status: 204,
      times: TOKEN_USES,
      requests: () => this.flows.map(({ token }) => at("/check", { authorization: `Bearer ${token}` })),
    },
    nothing: { status: 204, times: TOKEN_USES, requests: () => this.ids.map(() => at("/nothing")) },
    client_credentials: { requests: () => this.ids.map(() => at("/sign")) },
  };

  async start(directory) {
    const folder = path.join(ROOT, "bench", "floor");
    const built = await bundle(path.join(folder, "worker.mjs"), `${directory}/worker`);
    this.worker = await startOwnWorkerd({ config: path.join(folder, "wrangler.toml"), ...built, home: `${directory}/state` });
    return this.worker;
  }

  async begin(count) {
    this.ids = Array.from({ length: count }, () => randomBytes(16).toString("hex"));
    this.flows = this.ids.map(() => ({}));
    await load(
      this.worker.port,
      this.ids.map((id) => at(`/prepare?id=${id}`)),
    );
  }
}
