import { html } from "./html.js";

const layout = (title, body) => html`<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} – Bright Charts</title>
<link rel="stylesheet" href="/style.css">
<link rel="icon" href="/icon.svg">
</head>
<body>
<header><a href="/">Bright Charts</a></header>
<main>${body}</main>
<footer>An example app. It reads, and changes nothing.</footer>
</body>
</html>`;

/**
 * @param {import('./index.js').Env} env
 * @param {string} [note]
 */
export function startPage({ PLATFORM_NAME }, note) {
  return layout(
    "Your projects at a glance",
    html`${note && html`<p class="note" role="status">${note}</p>`}
<h1>Your projects at a glance</h1>
<p class="lead">See how far each of your ${PLATFORM_NAME} projects is. You are asked there what this site may read.</p>
<form method="post" action="/connect"><button>Connect to ${PLATFORM_NAME}</button></form>`,
  );
}

/** For a visitor who has agreed to less than the dashboard needs. */
export function morePage({ PLATFORM_NAME }) {
  return layout(
    "One permission more",
    html`<h1>One permission more</h1>
<p class="lead">For this page ${PLATFORM_NAME} wants you to agree to something that you have not agreed to yet.</p>
<div class="row"><form method="post" action="/more"><button>Look at it</button></form>
<form method="post" action="/disconnect"><button class="quiet">Disconnect</button></form></div>`,
  );
}

/**
 * @param {import('./index.js').Env} env
 * @param {{profile: {name: string}, projects: {name: string, tasks: {done: boolean}[]}[], totals: Totals}} data
 * @typedef {{projects: number, open_tasks: number, done_tasks: number}} Totals
 */
export function dashboardPage({ PLATFORM_NAME }, { profile, projects, totals }) {
  const figure = (label, value) => html`<div class="figure"><dt>${label}</dt><dd>${value}</dd></div>`;
  const none = html`<p class="note">There are no projects yet.</p>`;
  const bars = projects.length > 0 ? html`<ul class="bars">${projects.map(row)}</ul>` : none;
  return layout(
    `${profile.name}’s dashboard`,
    html`<h1>${profile.name}’s dashboard</h1>
<dl class="figures">
${figure("Projects", totals.projects)}${figure("Open tasks", totals.open_tasks)}${figure("Done tasks", totals.done_tasks)}
</dl>
<section class="card"><h2>How far they are</h2>
${bars}
</section>
<form method="post" action="/disconnect"><button class="quiet">Disconnect from ${PLATFORM_NAME}</button></form>`,
  );
}

function row({ name, tasks }) {
  const done = tasks.filter((task) => task.done).length;
  const share = tasks.length === 0 ? 0 : Math.round((100 * done) / tasks.length);
  const words = tasks.length === 0 ? "no tasks" : `${done} of ${tasks.length} done`;
  return html`<li><span class="name">${name}</span> <span class="words">${words}</span>
<svg viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
<rect class="all" width="100" height="4"/><rect class="done" width="${share}" height="4"/>
</svg></li>`;
}
