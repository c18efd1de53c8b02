// A developer of "Northwind Labs" at the JSON API of the portal, in their session.
import { signedIn } from "./browser.mjs";
import { ISSUER } from "./harness.mjs";
import { newUser } from "./platform.mjs";

export async function newDeveloper(latchkey, developer = "dev_northwind") {
  const username = await newUser(latchkey);
  await latchkey.run(
    "INSERT INTO developer_members (developer_id, user_id, role) VALUES (?, ?, 'member')",
    developer,
    `usr_${username}`,
  );
  const browser = await signedIn(latchkey, username);
  const call = (method, path, body, headers = {}) =>
    browser.request(`/api/developer${path}`, {
      method,
      headers: { origin: ISSUER, ...(body && { "content-type": "application/json" }), ...headers },
      ...(body && { body: JSON.stringify(body) }),
    });
  return { username, browser, call };
}
