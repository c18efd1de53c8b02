import { html } from "./html.js";

/**
 * @typedef {import('./site.js').Env} Env
 * @typedef {{env: Env, csrf: string}} Context
 */

/**
 * @param {Context} context
 * @param {{username: string, wasWrong: boolean, action: string, cancel: string,
 *   people: import('./people.js').Person[]}} view
 */
export function signInPage({ env, csrf }, { username, wasWrong, action, cancel, people }) {
  return layout(
    env,
    "Sign in",
    html`
    <h1>Sign in to ${env.PLATFORM_NAME}</h1>
    <form class="card" method="post" action="${action}">
      ${hidden(csrf)}
      ${wasWrong && html`<p class="error" id="wrong" role="alert">This is not a user name and password that we know.</p>`}
      <p><label for="username">User name</label>
        <input id="username" name="username" value="${username}" autocomplete="username" autocapitalize="none"
          spellcheck="false" required maxlength="64"${wasWrong && html` aria-invalid="true" aria-describedby="wrong"`}></p>
      <p><label for="password">Password</label>
        <input id="password" name="password" type="password" autocomplete="current-password" required maxlength="128"
          ${wasWrong && html` aria-invalid="true" aria-describedby="wrong"`}></p>
      <div class="row"><button>Sign in</button><a class="button quiet" href="${cancel}">Cancel</a></div>
    </form>
    <section class="card">
      <h2>This is an example</h2>
      <p class="note">So it tells you the passwords:</p>
      <ul>${people.map((person) => html`<li><code>${person.username}</code> <code>${person.password}</code></li>`)}</ul>
    </section>`,
  );
}

/**
 * @param {Context} context
 * @param {import('./people.js').Person | null | undefined} person
 */
export function homePage({ env, csrf }, person) {
  return layout(
    env,
    "Account",
    person
      ? html`
    <h1>You are signed in as ${person.name}</h1>
    <p><a href="${env.ISSUER}/account/apps">Your connected apps</a></p>
    <form method="post" action="/logout">${hidden(csrf)}<button class="quiet">Sign out</button></form>`
      : html`
    <h1>You are signed out</h1>
    <p><a href="${env.ISSUER}/account/apps">Sign in and see your connected apps</a></p>`,
  );
}

/** @param {Env} env */
export function unknownPage(env) {
  return layout(
    env,
    "This link does not work",
    html`
    <h1>This link does not work</h1>
    <p>It would send you to an address that is not ours. Please go back to where you came from and try again.</p>`,
  );
}

/** @param {Context} context */
export function staleFormPage({ env }) {
  return layout(
    env,
    "Please try again",
    html`
    <h1>This form is no longer valid</h1>
    <p>It came from another page or was left open for very long. Nothing was changed: go back and try again.</p>`,
  );
}

/** @param {Env} env */
export function notFoundPage(env) {
  return layout(env, "Nothing here", html`<h1>There is nothing at this address</h1><p><a href="/">Back to the start</a></p>`);
}

function hidden(csrf) {
  return html`<input type="hidden" name="csrf" value="${csrf}">`;
}

function layout(env, title, main) {
  return html`<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>${title} · ${env.PLATFORM_NAME}</title>
    <link rel="icon" href="/icon.svg" type="image/svg+xml">
    <link rel="stylesheet" href="/style.css">
  </head>
  <body>
    <header><a href="/">${env.PLATFORM_NAME}</a></header>
    <main>${main}</main>
    <footer>An example of a platform’s own sign-in page.</footer>
  </body>
</html>`;
}
