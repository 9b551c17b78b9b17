import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, sep } from 'node:path';
import { ALONE, EXCEPTIONS, FORBIDDEN_PACKAGES, LAYERS } from './rules.ts';

/** An import that breaks a rule. */
export interface Violation {
  /** Path within the source folder, and line. */
  readonly file: string;
  readonly line: number;
  readonly imported: string;
  readonly rule: string;
}

// `import ... from 'x'`, `export ... from 'x'` and `import 'x'` as the formatter writes them, and `import('x')`.
const IMPORT = /^(?:import|export)\s(?:[^'";]*?\sfrom\s)?['"]([^'"\n]+)['"]|\bimport\(\s*['"]([^'"\n]+)['"]/gm;

/** What the modules of a folder may use. */
export interface Surroundings {
  /** Modules that have an index.ts: others use them through it. */
  readonly faces: ReadonlySet<string>;
  /** Packages that are there at run time. */
  readonly dependencies: ReadonlySet<string>;
}

/**
 * Finds every import below a folder that points upwards, or out of it.
 * @param dependencies packages that are there at run time
 */
export function checkLayering(sourceFolder: string, dependencies: readonly string[]): readonly Violation[] {
  const files = readdirSync(sourceFolder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  const faces = new Set(files.filter((file) => /^[^/\\]+[/\\]index\.ts$/.test(file)).map(moduleOf));
  const surroundings = { faces, dependencies: new Set(dependencies) };
  return files
    .toSorted()
    .flatMap((file) => checkFile(file, readFileSync(join(sourceFolder, file), 'utf8'), surroundings));
}

/**
 * Checks the imports of one file.
 * @param file path within the source folder
 */
export function checkFile(file: string, text: string, { faces, dependencies }: Surroundings): readonly Violation[] {
  const violations: Violation[] = [];
  for (const match of text.matchAll(IMPORT)) {
    const imported = match[1] ?? match[2] ?? '';
    const rule = imported.startsWith('.')
      ? brokenByOwn(file, imported, faces)
      : brokenByPackage(file, imported, dependencies);
    if (rule !== undefined) {
      violations.push({ file, line: text.slice(0, match.index).split('\n').length, imported, rule });
    }
  }
  return violations;
}

function brokenByOwn(file: string, imported: string, faces: ReadonlySet<string>): string | undefined {
  const target = normalize(join(dirname(file), imported));
  if (target.startsWith('..')) return 'src imports nothing from outside src';
  const [from, to] = [moduleOf(file), moduleOf(target)];
  if (from === to) return undefined;
  const [fromLayer, toLayer] = [layerOf(from), layerOf(to)];
  if (fromLayer === -1) return unplaced(from);
  if (toLayer === -1) return unplaced(to);
  const alone = ALONE.find(({ module }) => module === from);
  if (alone !== undefined && !alone.except.includes(to)) return `${from} does not import ${to}: ${alone.why}`;
  if (toLayer < fromLayer || EXCEPTIONS.some((each) => each.from === from && each.to === to)) {
    const isHidden = faces.has(to) && target !== join(to, 'index.ts');
    return isHidden ? `${to} is used through its index.ts` : undefined;
  }
  const where = toLayer === fromLayer ? 'beside' : 'above';
  return `imports point downwards: ${to} stands ${where} ${from} (${names(toLayer)} | ${names(fromLayer)})`;
}

function brokenByPackage(file: string, imported: string, dependencies: ReadonlySet<string>): string | undefined {
  const module = moduleOf(file);
  const forbidden = FORBIDDEN_PACKAGES.find((each) => each.module === module && each.packages.test(imported));
  if (forbidden !== undefined) return `${module} does not import ${imported}: ${forbidden.why}`;
  if (imported.startsWith('node:')) return undefined;
  const name = imported.split('/', imported.startsWith('@') ? 2 : 1).join('/');
  return dependencies.has(name) ? undefined : `${name} is not among the dependencies that package.json installs to run`;
}

/** The first folder of a path, or the name of a file at the top. */
function moduleOf(path: string): string {
  return (path.split(sep)[0] ?? '').replace(/\.ts$/, '');
}

function layerOf(module: string): number {
  return LAYERS.findIndex((layer) => layer.includes(module));
}

function names(layer: number): string {
  return (LAYERS[layer] ?? []).join(', ');
}

function unplaced(module: string): string {
  return `${module} has no layer: give it one in hack/layering/rules.ts`;
}
