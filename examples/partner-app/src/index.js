import { DurableObject } from "cloudflare:workers";
import { PlatformConnection } from "./connection.js";
import { platform } from "./platform.js";
import { visitSite } from "./site.js";

export default {
  fetch: (request, env) => visitSite(request, env),
};

/** Gives the connection its storage and its platform; what it does is in `connection.js`. */
export class Connection extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env);
    this.connection = new PlatformConnection({ storage: ctx.storage, platform: platform(env) });
  }

  begin() {
    return this.connection.begin();
  }

  complete(search) {
    return this.connection.complete(search);
  }

  call(request) {
    return this.connection.call(request);
  }

  refresh() {
    return this.connection.refresh();
  }

  disconnect() {
    return this.connection.disconnect();
  }

  status() {
    return this.connection.status();
  }

  alarm() {
    return this.connection.alarm();
  }
}
