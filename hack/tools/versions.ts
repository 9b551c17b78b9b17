import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The folder of the Go modules: their go.mod and go.sum say each version once, for every way to get a program. */
const MODULES = import.meta.dirname;

/** The folder of a Go module of ours. */
export function moduleFolder(module: string): string {
  return join(MODULES, module);
}

/** The version, without `v`, of a dependency as go.mod of a module of ours pins it. */
export function pinnedVersion(module: string, dependency: string): string {
  const text = readFileSync(join(MODULES, module, 'go.mod'), 'utf8');
  for (const line of text.split('\n')) {
    const [path, version] = line
      .replace(/^require\s/, '')
      .trim()
      .split(/\s+/);
    if (path === dependency && version !== undefined && /^v\d/.test(version)) return version.slice(1);
  }
  throw new Error(`hack/tools/${module}/go.mod pins no version of ${dependency}`);
}

/** A program of our own has no version: what it is made of names it. */
export function contentVersion(module: string): string {
  const hash = createHash('sha256');
  for (const file of ['main.go', 'go.mod', 'go.sum']) hash.update(readFileSync(join(MODULES, module, file)));
  return hash.digest('hex').slice(0, 12);
}

/** The oldest Go that builds a module of ours. */
export function goVersion(module: string): string {
  return /^go (\S+)$/m.exec(readFileSync(join(MODULES, module, 'go.mod'), 'utf8'))?.[1] ?? 'of its go.mod';
}
