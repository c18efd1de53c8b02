// Joins comments above tests, such as `// Covers: R34, B9`, with what became of those tests.
import fs from "node:fs";
import path from "node:path";

const root = path.dirname(import.meta.dirname);
export const read = (file) => fs.readFileSync(path.join(root, file), "utf8");

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

// src/a/b.rs holds the tests of the module a::b, and so does the file b_tests.rs beside it, which may be a module itself.
function rustTest(file, code) {
  const [, name] = /^(?:#\[[^\n]*\]\s*)*#\[test\]\s*(?:#\[[^\n]*\]\s*)*fn (\w+)/.exec(code) ?? [];
  const itself = file.replace(/^src\//, "").replace(/(\/mod)?\.rs$/, "").replaceAll("/", "::");
  const modules = [itself, itself.replace(/_tests$/, "")];
  const matches = (result) => modules.some((module) => result.name.startsWith(`${module}::`)) && result.name.endsWith(`::${name}`);
  return name && { title: name.replaceAll("_", " "), matches };
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
export const worst = (all) => ["failed", "skipped", "not run", "passed"].find((result) => all.includes(result)) ?? "not run";

// { tests, mistakes }: the tests under a comment `// <word>: id, id`, each with { ids, file, title, result }, and what is
// wrong with those comments: that they stand above no test, or above one that did not run, or name an unknown id.
export function annotatedTests(word, known) {
  const ran = results();
  const tests = [];
  const mistakes = [];
  const readComments = (file, testIn) => {
    const lines = read(file).split("\n");
    for (const [index, line] of lines.entries()) {
      const [, list] = new RegExp(`^\\s*// ${word}:(.*)$`).exec(line) ?? [];
      if (list === undefined) continue;
      const place = `${file}:${index + 1}`;
      const ids = list.split(",").map((id) => id.trim());
      for (const id of ids) if (!known.has(id)) mistakes.push(`${place}: unknown id "${id}"`);
      const below = lines.slice(index + 1).join("\n").replace(/^(\s*\/\/[^\n]*\n)*\s*/, "");
      const test = testIn(file, below);
      if (!test) mistakes.push(`${place}: no test right below "${word}:"`);
      else tests.push({ ids, file, title: test.title, result: worst(ran.filter(test.matches).map(({ result }) => result)) });
    }
  };
  for (const file of sources("src", ".rs")) readComments(file, rustTest);
  for (const file of sources("tests", ".mjs")) readComments(file, nodeTest);
  for (const { file, title, result } of tests)
    if (result === "not run" || result === "skipped") mistakes.push(`${file}: ${result}: ${title}`);
  return { tests, mistakes };
}

// Text as a cell of a table.
export const cell = (text) => text.replaceAll(/[\\`*_<|[\]]/g, "\\$&");
export const links = (tests) => tests.map(({ file, title }) => `[${cell(title)}](../${file})`).join("<br>");

export function writeDocument(name, page) {
  fs.mkdirSync(path.join(root, "docs"), { recursive: true });
  fs.writeFileSync(path.join(root, "docs", name), page);
}

// Ends the program: with what is wrong, or with one sentence on what is right.
export function conclude(mistakes, sentence) {
  for (const mistake of mistakes) console.error(mistake);
  if (mistakes.length > 0) process.exit(1);
  console.log(sentence);
}
