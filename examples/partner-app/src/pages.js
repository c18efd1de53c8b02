import { html } from "./html.js";

/**
 * @typedef {import('./platform.js').Env} Env
 * @typedef {{env: Env, csrf: string}} Context
 */

/** What the permissions mean for somebody who is about to connect. */
const PERMISSIONS = ["See your name", "See your projects and their tasks", "Create projects for you"];

/** @param {Context} context */
export function homePage(context) {
  const { env } = context;
  return layout(
    env,
    "Plan your week",
    html`
    <h1>Plan your week with your own projects</h1>
    <p class="lead">Northwind Planner brings your ${env.PLATFORM_NAME} projects onto one calm page.
      You sign in at ${env.PLATFORM_NAME}; we never see your password.</p>
    <section class="card">
      <h2>With your agreement we can</h2>
      <ul>${PERMISSIONS.map((text) => html`<li>${text}</li>`)}</ul>
      ${connectForm(context, `Connect to ${env.PLATFORM_NAME}`)}
    </section>
    <p class="note">You can take the access back at any time, here or in your
      <a href="${env.ISSUER}/account/apps">connected apps</a> at ${env.PLATFORM_NAME}.</p>`,
  );
}

/**
 * @param {Context} context
 * @param {object} view
 * @param {{name: string} | null} view.profile
 * @param {{projects: {id: string, name: string, tasks: {title: string, done: boolean}[]}[], next_cursor?: string}} view.list
 * @param {{scopes: string[], renewed_at: number, expires_at: number, renewals: number}} view.status
 * @param {string} [view.formError]
 * @param {string} [view.name] what was typed, when it was not accepted
 */
export function projectsPage({ env, csrf }, { profile, list, status, formError, name = "" }) {
  return layout(
    env,
    "Your projects",
    html`
    <h1>${profile ? `${profile.name}’s projects` : "Your projects"}</h1>
    ${list.projects.length === 0 && html`<p class="empty">There are no projects here yet.</p>`}
    <ul class="projects">${list.projects.map(project)}</ul>
    ${list.next_cursor && html`<p><a href="/projects?cursor=${encodeURIComponent(list.next_cursor)}">Older projects</a></p>`}

    ${status.scopes.includes("write:projects") && newProjectForm({ csrf, formError, name })}

    <section class="card">
      <h2>Connection to ${env.PLATFORM_NAME}</h2>
      <p>${status.renewals === 0 ? "Connected" : `Renewed ${times(status.renewals)}, last`} ${moment(status.renewed_at)};
        good until ${moment(status.expires_at)}, then renewed by itself.</p>
      <div class="row">
        <form method="post" action="/refresh">${hidden(csrf)}<button class="quiet">Refresh now</button></form>
        <form method="post" action="/disconnect">${hidden(csrf)}<button class="quiet danger">Disconnect</button></form>
      </div>
    </section>`,
  );
}

function newProjectForm({ csrf, formError, name }) {
  return html`
    <form class="card" method="post" action="/projects">
      <h2>New project</h2>
      ${hidden(csrf)}
      <label for="name">Name</label>
      <div class="row">
        <input id="name" name="name" value="${name}" maxlength="100" required autocomplete="off"
          ${formError && html`aria-invalid="true" aria-describedby="name-error"`}>
        <button>Create project</button>
      </div>
      ${formError && html`<p class="error" id="name-error" role="alert">${formError}</p>`}
    </form>`;
}

function project({ name, tasks }) {
  const done = tasks.filter((task) => task.done).length;
  return html`<li class="card">
    <h2>${name}</h2>
    ${
      tasks.length > 0
        ? html`
      <p class="note">${done} of ${tasks.length} done</p>
      <ul class="tasks">${tasks.map(
        (task) => html`
        <li${task.done && html` class="done"`}>${task.done ? "✓" : "○"} ${task.title}
          <span class="unseen">${task.done ? "(done)" : "(open)"}</span></li>`,
      )}</ul>`
        : html`<p class="note">No tasks yet</p>`
    }
  </li>`;
}

/** @param {Context} context */
export function refusedPage(context) {
  const { env } = context;
  return message(
    context,
    "Nothing was connected",
    html`
    <p>You said no at ${env.PLATFORM_NAME}. That is fine: nothing of yours was shared.</p>`,
    "Try again",
  );
}

/** @param {Context} context */
export function endedPage(context) {
  const { env } = context;
  return message(
    context,
    "The access was taken back",
    html`
    <p>${env.PLATFORM_NAME} no longer lets Northwind Planner see your projects: the access was taken back, by you or by
      ${env.PLATFORM_NAME}, or it was not used for a long time. We have deleted our keys to it.</p>`,
    `Connect to ${env.PLATFORM_NAME} again`,
  );
}

/** @param {Context} context */
export function unknownFlowPage(context) {
  return message(
    context,
    "This did not start here",
    html`
    <p>The answer that arrived belongs to no connection attempt of this browser, or one that is older than ten minutes.
      Nothing was connected.</p>`,
    "Start again",
  );
}

/**
 * @param {Context} context
 * @param {string} [code]
 */
export function failedPage(context, code) {
  const { env } = context;
  return message(
    context,
    "That did not work",
    html`
    <p>${env.PLATFORM_NAME} and Northwind Planner could not agree. Nothing was connected.</p>
    ${code && html`<p class="note">Reason: <code>${code}</code></p>`}`,
    "Try again",
  );
}

/**
 * @param {Context} context
 * @param {string} back
 */
export function unavailablePage({ env }, back) {
  return layout(
    env,
    "Not available just now",
    html`
    <h1>${env.PLATFORM_NAME} is not answering just now</h1>
    <p>Nothing is lost, and you need not connect again. Please try once more in a moment.</p>
    <p><a class="button" href="${back}">Try again</a></p>`,
  );
}

/** @param {Context} context */
export function staleFormPage({ env }) {
  return layout(
    env,
    "Please try again",
    html`
    <h1>This form is no longer valid</h1>
    <p>It came from another page or was left open for very long. Nothing was changed.</p>
    <p><a class="button" href="/">Back to the start</a></p>`,
  );
}

/** @param {Env} env */
export function notFoundPage(env) {
  return layout(
    env,
    "Nothing here",
    html`
    <h1>There is nothing at this address</h1><p><a class="button" href="/">Back to the start</a></p>`,
  );
}

function message(context, title, text, button) {
  return layout(context.env, title, html`<h1>${title}</h1>${text}${connectForm(context, button)}`);
}

function connectForm({ csrf }, label) {
  return html`<form method="post" action="/connect">${hidden(csrf)}<button>${label}</button></form>`;
}

function hidden(csrf) {
  return html`<input type="hidden" name="csrf" value="${csrf}">`;
}

function times(count) {
  return count === 1 ? "once" : `${count} times`;
}

function moment(milliseconds) {
  const iso = new Date(milliseconds).toISOString();
  return html`<time datetime="${iso}">${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC</time>`;
}

function layout(env, title, main) {
  return html`<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>${title} · Northwind Planner</title>
    <link rel="icon" href="/icon.svg" type="image/svg+xml">
    <link rel="stylesheet" href="/style.css">
  </head>
  <body>
    <header><a href="/">Northwind Planner</a></header>
    <main>${main}</main>
    <footer>An example. Northwind Labs is a partner of ${env.PLATFORM_NAME}.</footer>
  </body>
</html>`;
}
