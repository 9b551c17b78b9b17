import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** The folder of the Go modules: their go.mod and go.sum say each version once, for every way to get a program. */
const MODULES = import.meta.dirname;

/** The folder of a Go module of ours: its path is relative to this folder. */
export function moduleFolder(module: string): string {
  return resolve(MODULES, module);
}

/** The version, without `v`, of a dependency as go.mod of a module of ours pins it. */
export function pinnedVersion(module: string, dependency: string): string {
  const text = readFileSync(join(moduleFolder(module), 'go.mod'), 'utf8');
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
  const folder = moduleFolder(module);
  const sources = readdirSync(folder).filter((file) => file.endsWith('.go'));
  const hash = createHash('sha256');
  for (const file of [...sources.sort(), 'go.mod', 'go.sum']) hash.update(readFileSync(join(folder, file)));
  return hash.digest('hex').slice(0, 12);
}

/** The oldest Go that builds a module of ours. */
export function goVersion(module: string): string {
  return /^go (\S+)$/m.exec(readFileSync(join(moduleFolder(module), 'go.mod'), 'utf8'))?.[1] ?? 'of its go.mod';
}
