// Every page works for everyone: for screen readers, by keyboard, in light and dark, on a small screen, in languages of
// either direction. Each is photographed into .local/screenshots for those who want to look.
import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { before, test } from "node:test";
import { AxeBuilder } from "@axe-core/playwright";
import { ROOT } from "../../tools/local-platform.mjs";
import { gallery } from "./support/gallery.mjs";
import { newPerson } from "./support/people_and_apps.mjs";
import { visit } from "./support/visitor.mjs";

const SCREENSHOTS = path.join(ROOT, ".local", "screenshots");
const DESKTOP = { width: 1280, height: 800 };
const PHONE = { width: 390, height: 844 };
const SMALLEST = { width: 320, height: 640 };

before(() => mkdir(SCREENSHOTS, { recursive: true }));

// The page of this name, for somebody new.
async function arrive(t, name, options) {
  const { stranger, arrive, status } = gallery[name];
  const person = await newPerson();
  const page = await visit(t, { as: stranger ? undefined : person.username, viewport: DESKTOP, ...options });
  let last;
  page.on("response", (response) => response.request().isNavigationRequest() && (last = response.status()));
  await arrive(page, person);
  await page.waitForLoadState();
  assert.equal(last, status);
  return page;
}

const photograph = (page, ...words) =>
  page.screenshot({ path: path.join(SCREENSHOTS, `${words.join(" ").replaceAll(/[^\w-]+/g, "-")}.png`), fullPage: true });

async function violations(page, rules) {
  // Legacy: no frame of another site is looked into, and there is none; the other way opens a window each time.
  const builder = new AxeBuilder({ page }).setLegacyMode();
  const { violations } = await (rules ? builder.withRules(rules) : builder).analyze();
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`));
}

async function fits(page, viewport) {
  await page.setViewportSize(viewport);
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.equal(width, viewport.width, "it scrolls sideways");
}

// What a key press can reach, from the top, and what of it could be seen when the focus was there.
async function tabThrough(page) {
  const expected = await page.evaluate(() => {
    // Begins anew at the top, whatever has the focus.
    document.body.tabIndex = -1;
    document.body.focus();
    document.body.removeAttribute("tabindex");
    const all = document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']");
    const reachable = [...all].filter((element) => element.checkVisibility() && !element.disabled && element.tabIndex >= 0);
    reachable.forEach((element, place) => (element.dataset.place = place));
    return reachable.map((element) => element.outerHTML);
  });
  const found = [];
  for (const html of expected) {
    await page.keyboard.press("Tab");
    const focused = await page.evaluate(() => {
      const element = document.activeElement;
      const { outlineStyle, outlineWidth } = getComputedStyle(element);
      const { left, top, width, height } = element.getBoundingClientRect();
      // A tall field may reach beyond the screen; its first line must not.
      const [x, y] = [left + width / 2, top + Math.min(height / 2, 24)];
      const onTop = document.elementFromPoint(x, y);
      return {
        place: Number(element.dataset.place),
        outlined: outlineStyle === "solid" && parseFloat(outlineWidth) >= 2,
        inView: onTop !== null && (element.contains(onTop) || onTop.contains(element)),
      };
    });
    assert.ok(focused.outlined, `no outline: ${html}`);
    assert.ok(focused.inView, `not in view: ${html}`);
    found.push(focused.place);
  }
  assert.deepEqual(found, [...expected.keys()], `the keyboard goes another way: ${expected}`);
}

for (const name of Object.keys(gallery)) {
  test(`${name}: for everyone`, async (t) => {
    const page = await arrive(t, name, { colorScheme: "light" });
    const heading = await page.locator("h1").innerText();
    assert.ok(heading.startsWith(gallery[name].heading), heading);
    await photograph(page, name, "desktop light");
    assert.deepEqual(await violations(page), []);
    await page.emulateMedia({ colorScheme: "dark" });
    await photograph(page, name, "desktop dark");
    assert.deepEqual(await violations(page, ["color-contrast"]), []);
    await fits(page, PHONE);
    await photograph(page, name, "phone dark");
    await page.emulateMedia({ colorScheme: "light" });
    await photograph(page, name, "phone light");
    await fits(page, SMALLEST);
    await tabThrough(page);
    await page.evaluate(() => {
      for (const name of document.querySelectorAll("bdi")) name.textContent = "W".repeat(80);
    });
    await fits(page, SMALLEST);
  });
}


const OTHERS = { ar: "rtl", ja: "ltr" };
for (const name of Object.keys(gallery).filter((name) => gallery[name].main)) {
  for (const [locale, direction] of Object.entries(OTHERS)) {
    test(`${name}: in ${locale}`, async (t) => {
      const page = await arrive(t, name, { locale, colorScheme: "light" });
      const html = await page.evaluate(() => [document.documentElement.lang, getComputedStyle(document.body).direction]);
      assert.deepEqual(html, [locale, direction]);
      await photograph(page, name, locale, "desktop light");
      assert.deepEqual(await violations(page), []);
      await page.emulateMedia({ colorScheme: "dark" });
      await fits(page, PHONE);
      await photograph(page, name, locale, "phone dark");
      await fits(page, SMALLEST);
      await tabThrough(page);
    });
  }
}

// The pictures in docs/: `make screenshots` writes them there.
const pictures = {
  consent: { of: "consent" },
  "consent-ar-dark": { of: "consent", locale: "ar", colorScheme: "dark" },
  "connected-apps": { of: "connected apps" },
};
for (const [file, { of, ...options }] of Object.entries(pictures)) {
  test(`picture: ${file}`, async (t) => {
    const page = await arrive(t, of, { deviceScaleFactor: 2, ...options });
    const folder = process.env.LATCHKEY_PICTURES ?? SCREENSHOTS;
    const cards = await page.locator("main").boundingBox();
    const clip = { x: cards.x - 16, y: 0, width: cards.width + 32, height: Math.min(cards.y + cards.height, 840) };
    await page.screenshot({ path: path.join(folder, `${file}.png`), clip, fullPage: true });
  });
}
