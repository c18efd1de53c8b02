/**
 * Checks calls to a platform's API whose access tokens are issued by Latchkey.
 * @module
 */
export { expressGuard, fetchGuard, type Handler, type HonoAuth, honoGuard, type NodeRequest, type NodeResponse, type Whose } from "./adapters.js";
export type { AppContext, Context, UserContext } from "./context.js";
export type { Call } from "./credentials.js";
export { type Rows, scoped, type UserTable, userTables, type UserTablesOptions, type Value } from "./data.js";
export { memoryReplays, type ReplayStore } from "./dpop.js";
export { type By, type ContextOf, createGuard, type Guard, type Need, scopeNeeded, tokenNeeded } from "./guard.js";
export { type Code, type Problem, type Reason, Refusal } from "./refusal.js";
export { type Algorithm, ConfigurationError, type GuardOptions } from "./settings.js";
