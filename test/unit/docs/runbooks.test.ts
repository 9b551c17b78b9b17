import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { ANNOTATIONS } from '../../../src/api/group.ts';
import { BAD_VERDICTS, CAUSE_REASONS } from '../../../src/api/verdict.ts';
import { parseConfig } from '../../../src/config.ts';
import { run } from '../cli/harness.ts';

const ROOT = join(import.meta.dirname, '../../..');
const pages = readdirSync(join(ROOT, 'docs/runbooks')).map(
  (name) => [name, readFileSync(join(ROOT, 'docs/runbooks', name), 'utf8')] as const,
);

/** What AWS calls the acts that CloudTrail records. */
const AWS_EVENTS = ['RevokeSignature', 'RevokeSigningProfile'];
const help = parseConfig(['--help'], {});
const flags: readonly string[] = help.kind === 'help' ? (help.text.match(/--[a-z-]+/g) ?? []) : [];

/** What stands in a page as code. */
const codeOf = (page: string): readonly string[] => [...page.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code);

/** Whether a request's spec has a field, such as `sign.expiry`, by the schema that the API server goes by. */
function isField(path: string): boolean {
  const crd = parse(readFileSync(join(ROOT, 'crds/sealwatch.dev_imagesignaturerequests.yaml'), 'utf8')) as {
    readonly spec: { readonly versions: readonly [{ readonly schema: { readonly openAPIV3Schema: Schema } }] };
  };
  let schema = crd.spec.versions[0].schema.openAPIV3Schema.properties?.['spec'];
  for (const name of path.split('.')) schema = schema?.properties?.[name];
  return schema !== undefined;
}

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
}

/** What a piece of code in a page names that is not there. */
async function missingIn(code: string): Promise<readonly string[]> {
  if (code.startsWith('sealwatch ')) return missingInCommand(code);
  const missing: string[] = [];
  if (code.startsWith('--') && !flags.includes(code)) missing.push(code);
  if (/^[A-Z][a-z]+(?:[A-Z][a-z]+)+$/.test(code) && ![...CAUSE_REASONS, ...AWS_EVENTS].some((each) => each === code))
    missing.push(code);
  if (/^[a-z]+\.[a-zA-Z.]+$/.test(code) && !isField(code)) missing.push(code);
  for (const [, reason = ''] of code.matchAll(/reason=(\w+)/g))
    if (![...BAD_VERDICTS].some((verdict) => reason === `Image${verdict}`)) missing.push(reason);
  for (const [annotation] of code.matchAll(/sealwatch\.dev\/[a-z-]+-[a-z-]+/g))
    if (!Object.values(ANNOTATIONS).some((each) => each === annotation)) missing.push(annotation);
  return missing;
}

async function missingInCommand(code: string): Promise<readonly string[]> {
  const [, command = '', ...rest] = code.split(' ');
  const { stdout } = await run([command, '--help']);
  if (!stdout.startsWith(`Usage: sealwatch ${command} `)) return [command];
  return rest.filter((word) => word.startsWith('--') && !new RegExp(`${word}\\b`).test(stdout));
}

describe('what a runbook names', () => {
  it.each([
    ['sealwatch verifi IMAGE', ['verifi']],
    ['sealwatch verify IMAGE --from-clusters', ['--from-clusters']],
    ['--sweep-intervals', ['--sweep-intervals']],
    ['RegistryGone', ['RegistryGone']],
    ['sign.renewAfter', ['sign.renewAfter']],
    ['kubectl get events --field-selector reason=Revoked', ['Revoked']],
    ['kubectl annotate isr a sealwatch.dev/sign-again=1', ['sealwatch.dev/sign-again']],
    ['sealwatch verify IMAGE --from-cluster', []],
  ])('%s would be found to name %j', async (code, missing) => {
    expect(await missingIn(code)).toEqual(missing);
  });

  it.each(pages)('%s: commands, flags, fields, reasons and annotations are there', async (_, page) => {
    for (const code of codeOf(page)) expect([code, await missingIn(code)]).toEqual([code, []]);
  });

  it.each(pages)('%s: files and pages are there', (_, page) => {
    for (const [path] of page.matchAll(/\b(?:docs|config)\/[\w./-]+\w/g))
      expect([path, existsSync(join(ROOT, path))]).toEqual([path, true]);
  });
});
