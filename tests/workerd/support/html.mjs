// What a person, and a browser without script, can see of a page.
import { parse } from "parse5";

function* elements(node) {
  for (const child of node.childNodes ?? []) {
    if (child.tagName) yield child;
    yield* elements(child);
  }
}

const attribute = (element, name) => element.attrs.find((one) => one.name === name)?.value;

const textOf = (node) => (node.nodeName === "#text" ? node.value : (node.childNodes ?? []).map(textOf).join(" "));
const tidy = (text) => text.replaceAll(/\s+/g, " ").trim();

function readForm(form, baseUrl) {
  const fields = [];
  const buttons = [];
  for (const element of elements(form)) {
    const name = attribute(element, "name");
    const value = attribute(element, "value") ?? "";
    const type = attribute(element, "type");
    if (element.tagName === "button" || type === "submit") {
      buttons.push({ name, value, text: tidy(element.tagName === "button" ? textOf(element) : value) });
    } else if (element.tagName === "input" && name) {
      fields.push({ name, value, type, checked: attribute(element, "checked") !== undefined });
    }
  }
  return {
    action: new URL(attribute(form, "action") ?? "", baseUrl),
    method: (attribute(form, "method") ?? "get").toLowerCase(),
    fields,
    buttons,
    value: (name) => fields.find((field) => field.name === name)?.value,
  };
}

export function readHtml(html, baseUrl) {
  const document = parse(html);
  const all = [...elements(document)];
  const tagged = (tag) => all.filter((element) => element.tagName === tag);
  return {
    text: tidy(textOf(tagged("body")[0])),
    forms: tagged("form").map((form) => readForm(form, baseUrl)),
    links: tagged("a").map((link) => ({ url: new URL(attribute(link, "href"), baseUrl), text: tidy(textOf(link)) })),
    lists: tagged("ul").map((list) =>
      [...elements(list)].filter((item) => item.tagName === "li").map((item) => tidy(textOf(item))),
    ),
    attributes: (tag, name) => tagged(tag).map((element) => attribute(element, name)),
    scripts: all.filter(
      (element) => element.tagName === "script" || element.attrs.some(({ name }) => name.startsWith("on")),
    ).length,
  };
}
