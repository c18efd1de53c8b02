// Joins `// Covers: R34, B9` above a test with what became of that test, and writes docs/requirements.md.
// Fails if a comment stands above no test, names an unknown id or a test that did not run, or if an id that is due
// has no test that passed.
import fs from "node:fs";
import path from "node:path";

const root = path.dirname(import.meta.dirname);
const read = (file) => fs.readFileSync(path.join(root, file), "utf8");
const { due, promises, faults } = JSON.parse(read("tools/requirements.json"));
const known = { ...promises, ...faults };
const mistakes = [];

const sources = (folder, ending) =>
  fs
    .readdirSync(path.join(root, folder), { recursive: true })
    .map((name) => path.posix.join(folder, name.replaceAll(path.sep, "/")))
    .filter((file) => file.endsWith(ending))
    .sort();

const escaped = (text) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");

// { title, matches(result) }, or undefined if this is no test. A title with `${…}` stands for all it becomes.
function nodeTest(file, code) {
  const [, quote, text] = /^(?:await )?(?:\w+\.)?test\(\s*(["'`])((?:\\.|(?!\1)[^\\])*)\1/.exec(code) ?? [];
  if (!quote) return undefined;
  const parts = text.replaceAll(/\\(.)/g, "$1").split(quote === "`" ? /\$\{[^}]*\}/ : /(?!)/);
  const name = new RegExp(`^${parts.map(escaped).join(".*")}$`, "s");
  return { title: parts.join("…"), matches: (result) => result.file === file && name.test(result.name) };
}

// src/a/b.rs holds the tests of the module a::b, and so does the file b_tests.rs beside it.
function rustTest(file, code) {
  const [, name] = /^(?:#\[[^\n]*\]\s*)*#\[test\]\s*(?:#\[[^\n]*\]\s*)*fn (\w+)/.exec(code) ?? [];
  const module = file.replace(/^src\//, "").replace(/(\/mod|_tests)?\.rs$/, "").replaceAll("/", "::");
  const matches = (result) => result.name.startsWith(`${module}::`) && result.name.endsWith(`::${name}`);
  return name && { title: name.replaceAll("_", " "), matches };
}

// Every `Covers:` comment with the test right below it: { ids, file, title, matches }
function* coverings(file, testIn) {
  const lines = read(file).split("\n");
  for (const [index, line] of lines.entries()) {
    const [, list] = /^\s*\/\/ Covers:(.*)$/.exec(line) ?? [];
    if (list === undefined) continue;
    const ids = list.split(",").map((id) => id.trim());
    const below = lines.slice(index + 1).join("\n").replace(/^ +/, "");
    const test = testIn(file, below);
    for (const id of ids.filter((one) => !Object.hasOwn(known, one)))
      mistakes.push(`${file}:${index + 1}: unknown id "${id}"`);
    if (test) yield { ids, file, ...test };
    else mistakes.push(`${file}:${index + 1}: no test right below "Covers:"`);
  }
}

function* hostResults(text) {
  for (const [, name, word] of text.matchAll(/^test (\S+)(?: - should panic)? \.\.\. (\w+)/gm))
    yield { name, result: { ok: "passed", FAILED: "failed" }[word] ?? "skipped" };
}

function results() {
  const folder = ".local/test-results";
  const files = fs.existsSync(path.join(root, folder)) ? sources(folder, "") : [];
  return files.flatMap((file) => {
    if (file.endsWith("/host.txt")) return [...hostResults(read(file))];
    return file.endsWith(".jsonl") ? read(file).split("\n").filter(Boolean).map((line) => JSON.parse(line)) : [];
  });
}

// One that failed outweighs one that did not run, and that one any that passed.
const worst = (all) => ["failed", "skipped", "not run", "passed"].find((result) => all.includes(result)) ?? "not run";

const ran = results();
const tests = [
  ...sources("src", ".rs").flatMap((file) => [...coverings(file, rustTest)]),
  ...sources("tests", ".mjs").flatMap((file) => [...coverings(file, nodeTest)]),
].map((test) => ({ ...test, result: worst(ran.filter(test.matches).map(({ result }) => result)) }));

const cell = (text) => text.replaceAll(/[\\`*_<|[\]]/g, "\\$&");

function row(id) {
  const own = tests.filter(({ ids }) => ids.includes(id));
  const links = own.map(({ file, title }) => `[${cell(title)}](../${file})`).join("<br>");
  return `| ${id} | ${cell(known[id])} | ${links} | ${own.length ? worst(own.map(({ result }) => result)) : "later"} |`;
}

const table = (ids, what) => [`| | ${what} | Tests | Result |`, "| --- | --- | --- | --- |", ...ids.map(row)].join("\n");

const page = `# What is promised, and the tests that hold Latchkey to it

Written by \`make test\` from the \`Covers:\` comments above the tests; do not edit it. "later" has no test yet.

## Promises

${table(Object.keys(promises), "Promise")}

## Faults that Latchkey must not have

${table(Object.keys(faults), "Fault")}
`;
fs.mkdirSync(path.join(root, "docs"), { recursive: true });
fs.writeFileSync(path.join(root, "docs/requirements.md"), page);

for (const { file, title, result } of tests)
  if (result === "not run" || result === "skipped") mistakes.push(`${file}: ${result}: ${title}`);
for (const id of due) {
  const own = tests.filter(({ ids }) => ids.includes(id));
  if (!own.some(({ result }) => result === "passed")) mistakes.push(`${id} has no test that passed: ${known[id]}`);
}
for (const mistake of mistakes) console.error(mistake);
if (mistakes.length > 0) process.exit(1);
console.log(`${tests.length} tests cover requirements, and all ${due.length} ids that are due; see docs/requirements.md`);
