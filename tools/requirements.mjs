// Joins `// Covers: R34, B9` above a test with what became of that test, and writes docs/requirements.md.
// Fails if a comment is wrong (see annotated-tests.mjs), or if an id that is due has no test that passed.
import { annotatedTests, cell, conclude, links, read, worst, writeDocument } from "./annotated-tests.mjs";

const { due, promises, faults } = JSON.parse(read("tools/requirements.json"));
const known = { ...promises, ...faults };
const { tests, mistakes } = annotatedTests("Covers", new Set(Object.keys(known)));

function row(id) {
  const own = tests.filter(({ ids }) => ids.includes(id));
  const result = own.length ? worst(own.map(({ result }) => result)) : "later";
  return `| ${id} | ${cell(known[id])} | ${links(own)} | ${result} |`;
}

const table = (ids, what) => [`| | ${what} | Tests | Result |`, "| --- | --- | --- | --- |", ...ids.map(row)].join("\n");

writeDocument(
  "requirements.md",
  `# What is promised, and the tests that hold Latchkey to it

Written by \`make test\` from the \`Covers:\` comments above the tests; do not edit it. "later" has no test yet.

## Promises

${table(Object.keys(promises), "Promise")}

## Faults that Latchkey must not have

${table(Object.keys(faults), "Fault")}
`,
);

for (const id of due) {
  const own = tests.filter(({ ids }) => ids.includes(id));
  if (!own.some(({ result }) => result === "passed")) mistakes.push(`${id} has no test that passed: ${known[id]}`);
}
conclude(
  mistakes,
  `${tests.length} tests cover requirements, and all ${due.length} ids that are due; see docs/requirements.md`,
);
