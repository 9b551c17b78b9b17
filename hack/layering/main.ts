import { join } from 'node:path';
import { checkLayering } from './check.ts';

// Ends with 1, a line for each, when an import of src points upwards.
const violations = checkLayering(join(import.meta.dirname, '../../src'));
for (const { file, line, imported, rule } of violations) {
  process.stderr.write(`src/${file}:${line}: import of '${imported}': ${rule}\n`);
}
process.exitCode = violations.length > 0 ? 1 : 0;
