import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkLayering } from './check.ts';

// Ends with 1, a line for each, when an import of src points upwards.
const root = join(import.meta.dirname, '../..');
const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { dependencies: object };
const violations = checkLayering(join(root, 'src'), Object.keys(dependencies));
for (const { file, line, imported, rule } of violations) {
  process.stderr.write(`src/${file}:${line}: import of '${imported}': ${rule}\n`);
}
process.exitCode = violations.length > 0 ? 1 : 0;
