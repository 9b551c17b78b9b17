import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ConfigError, parseConfig } from '../../../src/config.ts';
import { Metrics } from '../../../src/reporting/index.ts';
import { openWebhook } from '../../../src/runtime/webhook.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealwatch-webhook-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function refusalOf(...args: readonly string[]): Promise<string> {
  const parsed = parseConfig(['--webhook-url=https://alerts.example/in', ...args], {});
  if (parsed.kind !== 'config') throw new Error('expected a configuration');
  try {
    await (await openWebhook(parsed.config, new Metrics(), pino({ level: 'silent' })))?.close();
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return 'accepted';
}

it('a secret that is not there, or too short, is told before the operator starts: the flag, the file and what to do', async () => {
  const file = join(folder, 'key');
  expect(await refusalOf('--webhook-secret-file', file)).toMatch(
    /^--webhook-secret-file: ENOENT: no such file or directory, open '.*\/key'$/,
  );
  await writeFile(file, 'hunter2\n');
  const short = await refusalOf('--webhook-secret-file', file);
  expect(short).toBe(
    `--webhook-secret-file, ${file}: expected a secret of 24 to 1024 bytes, found 7: make one with openssl rand -base64 32`,
  );
  await writeFile(file, 'a secret that is long enough\n');
  expect(await refusalOf('--webhook-secret-file', file)).toBe('accepted');
  expect(await refusalOf('--webhook-format=slack')).toBe('accepted');
});
