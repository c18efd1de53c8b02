/** `__Host-` keeps other hosts and plain subdomains from planting one; browsers allow it on http loopback. */
const COOKIE = "__Host-bright_charts";
const LIFETIME_SECONDS = 30 * 24 * 3600;

/**
 * @param {Request} request
 * @returns {string | undefined}
 */
export function sessionOf(request) {
  const cookies = (request.headers.get("Cookie") ?? "").split(/; */);
  const value = cookies.find((cookie) => cookie.startsWith(`${COOKIE}=`))?.slice(COOKIE.length + 1);
  return value !== undefined && /^[0-9a-f]{64}$/.test(value) ? value : undefined;
}

export function newSession() {
  return Array.from(crypto.getRandomValues(new Uint8Array(32)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * @param {string} session
 * @param {Response} response
 */
export function withSession(session, response) {
  const answer = new Response(response.body, response);
  const attributes = `Max-Age=${LIFETIME_SECONDS}; Path=/; Secure; HttpOnly; SameSite=Lax`;
  answer.headers.append("Set-Cookie", `${COOKIE}=${session}; ${attributes}`);
  return answer;
}
