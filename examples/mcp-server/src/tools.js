import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { z } from "zod";
import { readCursor } from "../../projects-api/src/projects.js";

const MAX_LIMIT = 50;

export const READ = "mcp:read";
export const WRITE = "mcp:write";

/** A line that looks like what it is: control and direction characters could make one name look like another. */
const name = z
  .string()
  .trim()
  .min(1)
  .refine((text) => [...text].length <= 100 && !/[\p{Cc}\p{Bidi_Control}]/u.test(text), {
    error: "A name is a line of at most 100 characters.",
  });
const cursor = z
  .string()
  .refine((text) => readCursor(text) !== null, { error: "The cursor is not one that this server gave out." })
  .describe("From the answer before");

/**
 * What each tool needs, in one place.
 * @type {Record<string, {scope: string, description: string, inputSchema: object, annotations: object,
 *   run: (mine: ReturnType<typeof import('../../projects-api/src/projects.js').projectsOf>, input: any) => Promise<object>}>}
 */
const TOOLS = {
  list_projects: {
    scope: READ,
    description: "The user's projects with their tasks, newest first.",
    inputSchema: { limit: z.int().min(1).max(MAX_LIMIT).default(20), cursor: cursor.optional() },
    annotations: { readOnlyHint: true },
    run: (mine, { limit, cursor }) => mine.list({ limit, after: cursor === undefined ? null : readCursor(cursor) }),
  },
  count_tasks: {
    scope: READ,
    description: "How many projects, open tasks and finished tasks the user has.",
    inputSchema: {},
    annotations: { readOnlyHint: true },
    run: (mine) => mine.counts(),
  },
  create_project: {
    scope: WRITE,
    description: "Creates an empty project.",
    inputSchema: { name },
    annotations: { readOnlyHint: false, destructiveHint: false },
    run: (mine, { name }) => mine.create({ name }),
  },
};

export const SCOPES = [...new Set(Object.values(TOOLS).map(({ scope }) => scope))];

/**
 * @param {any} message a JSON-RPC message
 * @returns {string | null} the permission it needs beyond a good token; null: none
 */
export function scopeOf(message) {
  const called = message?.method === "tools/call" ? message.params?.name : undefined;
  return typeof called === "string" && Object.hasOwn(TOOLS, called) ? TOOLS[called].scope : null;
}

/** @param {ReturnType<typeof import('../../projects-api/src/projects.js').projectsOf>} mine the user's own rows */
export function serverFor(mine) {
  const server = new McpServer({ name: "acme-projects", version: "1.0.0" });
  for (const [name, { description, inputSchema, annotations, run }] of Object.entries(TOOLS)) {
    server.registerTool(name, { description, inputSchema, annotations }, async (input) => {
      const text = await run(mine, input).then(JSON.stringify, (error) => {
        // The message may quote what was asked for, so only the kind is logged.
        console.error(JSON.stringify({ event: "tool_failed", tool: name, kind: error?.name }));
        return null;
      });
      if (text === null) return { isError: true, content: [{ type: "text", text: "Something failed here. Try again." }] };
      return { content: [{ type: "text", text }] };
    });
  }
  return server;
}
