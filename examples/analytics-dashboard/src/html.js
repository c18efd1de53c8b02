/** Markup that may be put into a page as it is. */
class Markup {
  constructor(text) {
    this.text = text;
  }

  toString() {
    return this.text;
  }
}

/**
 * A template whose values are escaped unless they are markup themselves.
 * @param {TemplateStringsArray} strings
 * @param {...unknown} values
 */
export function html(strings, ...values) {
  return new Markup(String.raw({ raw: strings }, ...values.map(toMarkup)));
}

function toMarkup(value) {
  if (value === undefined || value === null || value === false) return "";
  if (value instanceof Markup) return value.text;
  if (Array.isArray(value)) return value.map(toMarkup).join("");
  return String(value).replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);
}

/**
 * @param {import('./index.js').Env} env
 * @param {Markup} page
 * @param {{status?: number}} [options]
 */
export function htmlResponse(env, page, { status = 200 } = {}) {
  return new Response(`<!doctype html>\n${page}`, {
    status,
    headers: {
      "Content-Type": "text/html; charset=utf-8",
      "Cache-Control": "no-store",
      // Browsers apply form-action to where a form's answer redirects, too: Connect leads to the platform.
      "Content-Security-Policy": [
        "default-src 'none'",
        "style-src 'self'",
        "img-src 'self'",
        `form-action 'self' ${new URL(env.ISSUER).origin}`,
        "frame-ancestors 'none'",
        "base-uri 'none'",
      ].join("; "),
      "Referrer-Policy": "same-origin",
      "X-Content-Type-Options": "nosniff",
    },
  });
}
