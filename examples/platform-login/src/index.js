import { visitSite } from "./site.js";

export default {
  fetch: (request, env) => visitSite(request, env),
};
