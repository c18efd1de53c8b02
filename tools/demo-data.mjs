/**
 * The demo platform: who is on it, which apps and which permissions there are. Made here for `make dev` and for
 * tests alike, as SQL for the two databases and as the description that is written to `.local/demo.json`.
 */
import { createHash, generateKeyPairSync, randomBytes } from "node:crypto";
import { appLogos, platformLogo } from "./demo-logos.mjs";
import { logoName } from "./logos.mjs";

/**
 * Where `make dev` serves everything. The partner app and the platform's own sign-in page have another host, because
 * cookies do not know ports. Without `mcp` there is no MCP server, and without `dashboard` no dashboard.
 * @typedef {{issuer: string, resource: string, partner: string, signIn: string, mcp?: string, dashboard?: string}} Addresses
 */
export const ADDRESSES = {
  issuer: "http://localhost:8787",
  resource: "http://localhost:8788",
  partner: "http://127.0.0.1:8789",
  signIn: "http://127.0.0.1:8790",
  mcp: "http://localhost:8791/mcp",
  dashboard: "http://127.0.0.1:8792",
};
export const PLATFORM_NAME = "Acme Projects";
export const ACCENT_COLOR = "#0f766e";

/** The logos, by the kind of app, and the platform's own: each with its name and its bytes. */
const LOGOS = Object.fromEntries(
  Object.entries({ platform: platformLogo, ...appLogos }).map(([whose, draw]) => {
    const bytes = draw();
    return [whose, { name: logoName(bytes), bytes }];
  }),
);
export const PLATFORM_LOGO = LOGOS.platform.name;

/** Accepted on any port (RFC 8252 section 7.3), so that any client library can be tried. */
const LOOPBACK_REDIRECTS = ["http://127.0.0.1/callback", "http://localhost/callback"];

const USERS = [
  { username: "alice", name: "Alice Archer", role: "user" },
  { username: "ben", name: "Ben Okafor", role: "user" },
  { username: "dana", name: "Dana Reyes", role: "developer" },
  { username: "rita", name: "Rita Lindqvist", role: "reviewer" },
  { username: "ada", name: "Ada Moore", role: "administrator" },
];

/** The words for a scope, also in the other languages of the catalogue (locales/). */
function scope(name, title, description, translations) {
  const words = Object.entries(translations).map(([tag, [title, description]]) => [tag, { title, description }]);
  return { name, title, description, translations: JSON.stringify(Object.fromEntries(words)) };
}

const SCOPES = [
  scope("read:profile", "Read user profile", "View your basic profile information", {
    de: ["Profil lesen", "Ihre grundlegenden Profildaten ansehen"],
    es: ["Leer el perfil", "Ver la información básica de tu perfil"],
    ja: ["プロフィールの閲覧", "基本的なプロフィール情報を見る"],
    ar: ["قراءة الملف الشخصي", "عرض معلومات ملفك الشخصي الأساسية"],
  }),
  scope("read:projects", "Read projects", "View your projects and tasks", {
    de: ["Projekte lesen", "Ihre Projekte und Aufgaben ansehen"],
    es: ["Leer los proyectos", "Ver tus proyectos y tareas"],
    ja: ["プロジェクトの閲覧", "プロジェクトとタスクを見る"],
    ar: ["قراءة المشاريع", "عرض مشاريعك ومهامك"],
  }),
  scope("write:projects", "Manage projects", "Create and update your projects", {
    de: ["Projekte verwalten", "Ihre Projekte anlegen und ändern"],
    es: ["Gestionar los proyectos", "Crear y modificar tus proyectos"],
    ja: ["プロジェクトの管理", "プロジェクトを作成、変更する"],
    ar: ["إدارة المشاريع", "إنشاء مشاريعك وتعديلها"],
  }),
  scope("read:team", "Read team data", "View your team information", {
    de: ["Team lesen", "Angaben zu Ihrem Team ansehen"],
    es: ["Leer el equipo", "Ver la información de tu equipo"],
    ja: ["チームの閲覧", "チームの情報を見る"],
    ar: ["قراءة بيانات الفريق", "عرض معلومات فريقك"],
  }),
  scope("read:analytics", "Read analytics", "View your usage analytics", {
    de: ["Auswertungen lesen", "Auswertungen Ihrer Nutzung ansehen"],
    es: ["Leer las estadísticas", "Ver tus estadísticas de uso"],
    ja: ["分析の閲覧", "利用状況の分析を見る"],
    ar: ["قراءة التحليلات", "عرض تحليلات استخدامك"],
  }),
];

/** What each call to the projects API needs, by path and method: the same as its own table. */
const PROJECTS_ROUTES = [
  { methods: ["GET"], path: "/projects", scopes: ["read:projects"] },
  { methods: ["POST"], path: "/projects", scopes: ["write:projects"] },
  { methods: ["GET"], path: "/projects/{id}", scopes: ["read:projects"] },
  { methods: ["GET"], path: "/profile", scopes: ["read:profile"] },
  { methods: ["GET"], path: "/analytics", scopes: ["read:analytics"] },
  { methods: ["GET"], path: "/.well-known/oauth-protected-resource", public: true },
];

/** The connection of the platform's own sign-in page: its id is a part of its callback. */
export const CONNECTION = { id: "con_acme", name: "Acme account" };

/** A second API, for whose tokens RS256 is asked: older validators know nothing else. No example serves it. */
const INVOICES = {
  resource: "https://invoices.acme.example",
  name: "Invoices API",
  signing_algorithm: "RS256",
  scopes: [
    scope("read:invoices", "Read invoices", "View your invoices", {
      de: ["Rechnungen lesen", "Ihre Rechnungen ansehen"],
      es: ["Leer las facturas", "Ver tus facturas"],
      ja: ["請求書の閲覧", "請求書を見る"],
      ar: ["قراءة الفواتير", "عرض فواتيرك"],
    }),
  ],
};

/** What AI agents may do: the API of examples/mcp-server. */
const MCP = {
  name: "Acme Projects for agents",
  signing_algorithm: "ES256",
  scopes: [
    scope("mcp:read", "Read projects", "View your projects and tasks", {
      de: ["Projekte lesen", "Ihre Projekte und Aufgaben ansehen"],
      es: ["Leer los proyectos", "Ver tus proyectos y tareas"],
      ja: ["プロジェクトの閲覧", "プロジェクトとタスクを見る"],
      ar: ["قراءة المشاريع", "عرض مشاريعك ومهامك"],
    }),
    scope("mcp:write", "Create projects", "Create projects for you", {
      de: ["Projekte anlegen", "Projekte für Sie anlegen"],
      es: ["Crear proyectos", "Crear proyectos para ti"],
      ja: ["プロジェクトの作成", "プロジェクトを作成する"],
      ar: ["إنشاء المشاريع", "إنشاء مشاريع لك"],
    }),
  ],
};

/** What an app gets that names no scope. */
const DEFAULT_SCOPES = ["read:profile", "read:projects"];

/** `kind` is how the app proves who it is at the token endpoint. */
const APPS = [
  {
    kind: "public",
    name: "Pocket Projects",
    description: "Your projects in a browser tab, without a server.",
    app_type: "spa",
    redirect_uris: LOOPBACK_REDIRECTS,
  },
  {
    kind: "basic",
    name: "Northwind Planner",
    description: "Plans your week around your projects.",
    app_type: "web",
    site: "partner", // the one in examples/partner-app
    redirect_uris: LOOPBACK_REDIRECTS,
    own_scopes: ["read:analytics"], // what it may ask for itself, with client_credentials
  },
  {
    kind: "post",
    name: "Northwind Reports",
    description: "A weekly report on your projects, by mail.",
    app_type: "web",
    redirect_uris: ["https://partner.example/callback", ...LOOPBACK_REDIRECTS],
  },
  {
    kind: "private_key_jwt",
    name: "Northwind Sync",
    description: "Keeps your projects and your calendar the same.",
    app_type: "web",
    redirect_uris: LOOPBACK_REDIRECTS,
    authentication: "private_key_jwt",
    own_scopes: ["read:analytics"],
  },
  {
    kind: "fapi", // private_key_jwt, pushed requests and DPoP: all that FAPI 2.0 demands
    name: "Northwind Ledger",
    description: "Brings what your projects cost into your books.",
    app_type: "web",
    redirect_uris: LOOPBACK_REDIRECTS,
    authentication: "private_key_jwt",
    security_profile: "fapi_2",
  },
  {
    kind: "dashboard",
    name: "Bright Charts",
    description: "Draws your projects as a dashboard.",
    app_type: "web",
    site: "dashboard", // the one in examples/analytics-dashboard
    redirect_uris: LOOPBACK_REDIRECTS,
    may_be_left_out: ["read:analytics"],
  },
  {
    kind: "phone", // the one in examples/phone-cli
    name: "Pocket Projects for phones",
    description: "Your projects on your phone, also without a connection.",
    app_type: "mobile",
    redirect_uris: LOOPBACK_REDIRECTS,
  },
];

const PROJECTS = {
  alice: [
    {
      name: "Garden renovation",
      tasks: [
        ["Draw the beds", 1],
        ["Order seeds", 1],
        ["Build the cold frame", 0],
      ],
    },
    {
      name: "Boat refit",
      tasks: [
        ["Sand the hull", 1],
        ["Find a new mast", 0],
      ],
    },
    { name: "Reading group", tasks: [] },
  ],
  ben: [
    {
      name: "Night market stall",
      tasks: [
        ["Book the place", 1],
        ["Test the new batter", 0],
      ],
    },
    {
      name: "Marathon",
      tasks: [
        ["Run 10 km", 1],
        ["Run 20 km", 0],
        ["Run 42 km", 0],
      ],
    },
  ],
};

/**
 * Everything about the demo platform that is drawn once and then stays: ids, secrets, the time it was made.
 * @typedef {ReturnType<typeof newIdentities>} Identities
 */
export function newIdentities() {
  return {
    users: byKey(USERS, "username", () => identifier("usr_")),
    developer: identifier("dev_"),
    api: identifier("api_"),
    invoicesApi: identifier("api_"),
    introspection: { client_id: identifier("apc_"), client_secret: secret("lka_") },
    mcp: { api: identifier("api_"), client_id: identifier("apc_"), client_secret: secret("lka_") },
    apps: byKey(APPS, "kind", ({ app_type, authentication }) => ({
      client_id: identifier("app_"),
      ...(authentication === "private_key_jwt" && { private_key: privateKey() }),
      ...(!authentication && app_type === "web" && { client_secret: secret("lks_"), secret_id: identifier("sec_") }),
    })),
    signIn: {
      signing_key: privateKey(),
      session_secret: secret(""),
      passwords: byKey(USERS, "username", () => identifier("").slice(0, 10)),
    },
    projects: Object.fromEntries(
      Object.entries(PROJECTS).map(([user, list]) => [user, list.map(() => identifier("prj_"))]),
    ),
    made_at: Date.now(),
  };
}

/**
 * @param {Identities} identities
 * @param {Addresses} [addresses]
 * @returns {{description: object, latchkey: string[], projectsApi: string[], logos: {name: string, bytes: Buffer}[]}}
 *   the content of `.local/demo.json`, the statements for Latchkey's database and for the API's, and the logos for KV
 */
export function demoPlatform(identities, addresses = ADDRESSES) {
  return {
    description: describe(identities, addresses),
    latchkey: latchkeyStatements(identities, addresses),
    projectsApi: projectsApiStatements(identities),
    logos: Object.values(LOGOS),
  };
}

function describe({ apps, signIn }, addresses) {
  return {
    issuer: addresses.issuer,
    apis: [
      { resource: addresses.resource, signing_algorithm: "ES256", scopes: SCOPES.map(({ name }) => name) },
      {
        resource: INVOICES.resource,
        signing_algorithm: INVOICES.signing_algorithm,
        scopes: INVOICES.scopes.map(({ name }) => name),
      },
      ...(addresses.mcp ? [describeMcp(addresses.mcp)] : []),
    ],
    clients: APPS.map((app) => {
      const { client_id, client_secret, private_key } = apps[app.kind];
      const credential = { ...(client_secret && { client_secret }), ...(private_key && { private_key }) };
      return { kind: app.kind, client_id, ...credential, redirect_uris: redirectUris(app, addresses) };
    }),
    users: USERS.map(({ username, role }) => ({ username, role, password: signIn.passwords[username] })),
  };
}

function describeMcp(resource) {
  return { resource, signing_algorithm: MCP.signing_algorithm, scopes: MCP.scopes.map(({ name }) => name) };
}

/** Who can sign in on the platform's own page, as that page knows them. */
export function people({ users, signIn }) {
  return USERS.map(({ username, name }) => ({
    id: users[username],
    username,
    name,
    email: `${username}@acme.example`,
    password: signIn.passwords[username],
  }));
}

function redirectUris({ redirect_uris, site }, addresses) {
  return addresses[site] ? [`${addresses[site]}/callback`, ...redirect_uris] : redirect_uris;
}

function latchkeyStatements(identities, addresses) {
  const { users, developer, api, invoicesApi, introspection, apps, made_at } = identities;
  const at = { created_at: made_at };
  return [
    ...USERS.map(({ username, name }) => insert("users", { id: users[username], username, name, ...at })),
    ...connectionStatements(identities, addresses),
    insert("user_roles", { user_id: users.rita, role: "reviewer" }),
    insert("user_roles", { user_id: users.ada, role: "administrator" }),
    insert("developers", { id: developer, name: "Northwind Labs", ...at }),
    insert("developer_members", { developer_id: developer, user_id: users.dana, role: "owner" }),

    insert("apis", {
      id: api,
      resource: addresses.resource,
      name: "Projects API",
      route_rules: JSON.stringify(PROJECTS_ROUTES),
      ...at,
    }),
    insert("api_credentials", {
      id: introspection.client_id,
      api_id: api,
      secret_hash: hash(introspection.client_secret),
      ...at,
    }),
    ...SCOPES.map((scope, position) => insert("scopes", { ...scope, api_id: api, position })),
    grantToAll(api, SCOPES),
    insert("apis", {
      id: invoicesApi,
      resource: INVOICES.resource,
      name: INVOICES.name,
      signing_algorithm: INVOICES.signing_algorithm,
      ...at,
    }),
    ...INVOICES.scopes.map((scope, position) => insert("scopes", { ...scope, api_id: invoicesApi, position })),
    grantToAll(invoicesApi, INVOICES.scopes),
    ...(addresses.mcp ? mcpStatements(identities.mcp, addresses.mcp, at) : []),
    ...APPS.flatMap((app) => appStatements(app, apps[app.kind], { developer, api, at, addresses })),
  ];
}

function mcpStatements({ api, client_id, client_secret }, resource, at) {
  return [
    insert("apis", { id: api, resource, name: MCP.name, signing_algorithm: MCP.signing_algorithm, ...at }),
    insert("api_credentials", { id: client_id, api_id: api, secret_hash: hash(client_secret), ...at }),
    ...MCP.scopes.map((scope, position) => insert("scopes", { ...scope, api_id: api, position })),
    grantToAll(api, MCP.scopes),
  ];
}

/** The platform's users are Latchkey's: they come by the same id, to the account that is there already. */
function connectionStatements({ users, signIn, made_at }, addresses) {
  const connection = {
    ...CONNECTION,
    kind: "hand_off",
    domain_level: 1,
    issuer: addresses.signIn,
    login_url: `${addresses.signIn}/login`,
    jwks: JSON.stringify({ keys: [publicHalf(signIn.signing_key)] }),
    subject_is_user_id: 1,
    created_at: made_at,
  };
  const identity = (id) => ({
    issuer: addresses.signIn,
    subject: id,
    user_id: id,
    connection_id: CONNECTION.id,
    created_at: made_at,
  });
  return [
    insert("connections", connection),
    ...USERS.map(({ username }) => insert("user_identities", identity(users[username]))),
  ];
}

function grantToAll(api_id, scopes) {
  return insert("client_grants", {
    client_id: "*",
    api_id,
    subject_type: "user",
    access: "chosen",
    scopes: JSON.stringify(scopes.map(({ name }) => name)),
  });
}

function appStatements(app, identity, { developer, api, at, addresses }) {
  const { client_id, client_secret, secret_id, private_key } = identity;
  const { name, description, app_type, own_scopes, may_be_left_out = [], authentication, security_profile } = app;
  return [
    insert("apps", {
      client_id,
      developer_id: developer,
      name,
      description,
      ...(LOGOS[app.kind] && { logo: LOGOS[app.kind].name }),
      app_type,
      class: "portal",
      status: "approved",
      ...(private_key && { authentication, jwks: JSON.stringify({ keys: [publicHalf(private_key)] }) }),
      ...(security_profile && { security_profile }),
      ...at,
    }),
    ...redirectUris(app, addresses).map((redirect_uri) => insert("app_redirect_uris", { client_id, redirect_uri })),
    ...[...SCOPES, ...INVOICES.scopes].map(({ name: scope }) =>
      insert("app_scopes", {
        client_id,
        scope,
        is_default: Number(DEFAULT_SCOPES.includes(scope)),
        is_optional: Number(may_be_left_out.includes(scope)),
      }),
    ),
    ...(client_secret
      ? [
          insert("client_secrets", {
            id: secret_id,
            client_id,
            secret_hash: hash(client_secret),
            hint: client_secret.slice(-4),
            ...at,
          }),
        ]
      : []),
    ...(own_scopes
      ? [
          insert("client_grants", {
            client_id,
            api_id: api,
            subject_type: "client",
            access: "chosen",
            scopes: JSON.stringify(own_scopes),
          }),
        ]
      : []),
  ];
}

function projectsApiStatements({ users, projects, made_at }) {
  const day = 24 * 3600 * 1000;
  return [
    ...USERS.map(({ username, name }) =>
      insert("profiles", { user_id: users[username], name, created_at: made_at - 400 * day }),
    ),
    ...Object.entries(PROJECTS).flatMap(([username, list]) =>
      list.flatMap(({ name, tasks }, place) => {
        const owner = { user_id: users[username] };
        const id = projects[username][place];
        return [
          insert("projects", { ...owner, id, name, created_at: made_at - (place + 1) * 10 * day }),
          ...tasks.map(([title, done], position) =>
            insert("tasks", { ...owner, project_id: id, position, title, done }),
          ),
        ];
      }),
    ),
  ];
}

/** Only for the values of this file, which hold no characters but letters and plain punctuation. */
function insert(table, row) {
  const values = Object.values(row).map((value) =>
    typeof value === "number" ? value : `'${value.replaceAll("'", "''")}'`,
  );
  return `INSERT INTO ${table} (${Object.keys(row).join(", ")}) VALUES (${values.join(", ")})`;
}

/** As Latchkey keeps secrets: SHA-256 of the whole text, base64url without padding. */
function hash(text) {
  return createHash("sha256").update(text).digest("base64url");
}

function secret(prefix) {
  return prefix + randomBytes(32).toString("base64url");
}

/** A private key as JWK (RFC 7517), for ES256. */
function privateKey() {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return { ...privateKey.export({ format: "jwk" }), kid: randomBytes(8).toString("hex"), alg: "ES256", use: "sig" };
}

function publicHalf({ d: _, ...key }) {
  return key;
}

function identifier(prefix) {
  return prefix + Array.from(randomBytes(26), (byte) => "abcdefghijklmnopqrstuvwxyz234567"[byte & 31]).join("");
}

function byKey(list, key, make) {
  return Object.fromEntries(list.map((item) => [item[key], make(item)]));
}
