// A reporter for `node --test`: one JSON line for each test, suites left out, for whatever counts or lists them.
export default async function* (source) {
  const suites = [];
  for await (const { type, data } of source) {
    if (type === "test:start") suites.length = data.nesting, suites.push(data.name);
    if (type !== "test:pass" && type !== "test:fail") continue;
    if (data.details?.type === "suite") continue;
    const skipped = data.skip !== undefined || data.todo !== undefined;
    yield JSON.stringify({
      result: skipped ? "skipped" : type === "test:pass" ? "passed" : "failed",
      name: data.name,
      path: [...suites.slice(0, data.nesting), data.name],
      file: data.file?.replace(`${process.cwd()}/`, ""),
      milliseconds: Math.round(data.details.duration_ms),
      error: type === "test:fail" ? String(data.details.error?.cause?.message ?? data.details.error?.message) : undefined,
    }) + "\n";
  }
}
