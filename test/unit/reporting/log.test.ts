import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createLogger, imageFields, setLogLevel } from '../../../src/reporting/index.ts';

const ROOT = join(import.meta.dirname, '../../..');
const SRC = join(ROOT, 'src');

function captured(): { readonly lines: () => readonly Record<string, unknown>[]; write(text: string): void } {
  const texts: string[] = [];
  return { lines: () => texts.map((text) => JSON.parse(text)), write: (text) => texts.push(text) };
}

describe('the level of the log', () => {
  it('changes while it runs, for the logger and for all that were made of it', () => {
    const to = captured();
    const logger = createLogger('info', to);
    const child = logger.child({ resource: 'pods' });
    const grandchild = child.child({ object: 'n/p' });
    for (const each of [logger, child, grandchild]) each.debug('before');
    setLogLevel(logger, 'debug');
    for (const each of [logger, child, grandchild, logger.child({})]) each.debug('while');
    setLogLevel(logger, 'warn');
    for (const each of [logger, child, grandchild, logger.child({})]) each.info('after');
    expect(to.lines().map(({ msg, resource, object }) => [msg, resource, object])).toEqual([
      ['while', undefined, undefined],
      ['while', 'pods', undefined],
      ['while', 'pods', 'n/p'],
      ['while', undefined, undefined],
    ]);
  });
});

describe('a line of the log', () => {
  it('has no header, password or token, should one be in what is logged', () => {
    const to = captured();
    const request = { headers: { authorization: 'Basic c2VjcmV0' }, password: 'secret', token: 'secret', kept: 1 };
    createLogger('info', to).info({ request }, 'x');
    expect(to.lines()[0]).toMatchObject({ request: { kept: 1 } });
    expect(JSON.stringify(to.lines())).not.toMatch(/secret|c2VjcmV0/);
  });

  it('about an image names its repository and its digest', () => {
    expect(imageFields('r.example:5000/a/b@sha256:1')).toEqual({ image: 'r.example:5000/a/b', digest: 'sha256:1' });
  });

  it('has only fields that docs/operations.md spells, wherever it is written', () => {
    const page = readFileSync(join(ROOT, 'docs/operations.md'), 'utf8');
    const section = page.slice(page.indexOf('\n## Logs\n'), page.indexOf('\n## Traces\n'));
    const spelled = new Set(
      [...section.matchAll(/^\| (`[^|]+`) +\|/gm)].flatMap(([, names = '']) => names.replaceAll('`', '').split(', ')),
    );
    const used = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .flatMap((file) => {
        const text = readFileSync(join(SRC, file), 'utf8');
        const objects = [
          ...text.matchAll(/\b(?:logger|#logger)\.(?:trace|debug|info|warn|error|child)\(\s*\{([^}]*)\}/g),
          ...text.matchAll(/\bconst fields = \{([^}]*)\};/g),
        ];
        return objects.flatMap(([, fields = '']) =>
          fields
            .split(',')
            .map((field) => /^\s*([a-zA-Z]+)\s*(?::|$)/.exec(field)?.[1])
            .filter((name) => name !== undefined)
            .map((name) => ({ file, name })),
        );
      });
    expect(used.length).toBeGreaterThan(40);
    expect(used.filter(({ name }) => !spelled.has(name))).toEqual([]);
    for (const name of ['image', 'digest', 'resource', 'object']) expect(spelled).toContain(name);
  });
});
