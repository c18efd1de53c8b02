// Joins `// Rule: TOKEN 3, AUTHZ 19` above a test with what became of that test, and writes docs/conformance.md.
// Fails if a comment is wrong (see annotated-tests.mjs), if a rule in scope has no test that passed, or if a rule that
// is out of scope has one.
import { annotatedTests, cell, conclude, links, read, worst, writeDocument } from "./annotated-tests.mjs";

const sections = JSON.parse(read("tools/conformance.json"));
const rules = Object.values(sections).flatMap(({ rules }) => rules);
const { tests, mistakes } = annotatedTests("Rule", new Set(rules.map(({ id }) => id)));
const testsOf = (id) => tests.filter(({ ids }) => ids.includes(id));

function row({ id, rule, source, out }) {
  const own = testsOf(id);
  const result = out ? `out of scope: ${cell(out)}` : own.length ? worst(own.map(({ result }) => result)) : "no test";
  return `| ${id.replace(" ", "&nbsp;")} | ${cell(rule)} | ${cell(source)} | ${links(own)} | ${result} |`;
}

const section = ([name, { title, rules }]) => `## ${name}: ${title}

| | Rule | Source | Tests | Result |
| --- | --- | --- | --- | --- |
${rules.map(row).join("\n")}
`;

writeDocument(
  "conformance.md",
  `# What the standards ask, and the tests that hold Latchkey to it

Written by \`make test\` from the \`Rule:\` comments above the tests; do not edit it. The numbers are this project's own.
OAuth 2.1 is draft-ietf-oauth-v2-1-16. "[own]" marks what no standard says.

${Object.entries(sections).map(section).join("\n")}`,
);

for (const { id, rule, out } of rules) {
  const own = testsOf(id);
  if (out && own.length > 0) mistakes.push(`${id} is out of scope and has a test: ${own[0].title}`);
  if (!out && !own.some(({ result }) => result === "passed")) mistakes.push(`${id} has no test that passed: ${rule}`);
}
const inScope = rules.filter(({ out }) => !out);
conclude(
  mistakes,
  `${tests.length} tests prove all ${inScope.length} rules in scope, of ${rules.length}; see docs/conformance.md`,
);
