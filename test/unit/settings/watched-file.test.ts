import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { NO_SETTINGS, parseSettings, type Settings, WatchedFile } from '../../../src/settings/index.ts';

const ASK = { namespace: 'a', namespaceLabels: {}, profileArn: 'arn:x', repository: 'r/x' };
const GRANTING = 'signing: {grants: [{namespaces: [a], profileArns: ["*"], repositories: ["*"]}]}';

let folder: string;
let path: string;
let file: WatchedFile<Settings>;
const options = { fallback: NO_SETTINGS, parse: parseSettings, what: 'the configuration' };
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealwatch-grants-'));
  path = join(folder, 'config.yaml');
  file = new WatchedFile({ ...options, path });
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
});
afterEach(async () => {
  file.stop();
  vi.useRealTimers();
  await rm(folder, { recursive: true });
});

it('is read again when it changes; a bad new one leaves the last good grants in force', async () => {
  const logged: string[] = [];
  const logger = pino({ level: 'error' }, { write: (line) => logged.push(line) });
  await writeFile(path, '');
  await file.load();
  let changes = 0;
  file.start(() => {
    changes += 1;
  }, logger);
  expect(file.current().grants.check(ASK).granted).toBe(false);

  await writeFile(path, GRANTING);
  vi.advanceTimersByTime(2_000);
  await vi.waitFor(() => expect(changes).toBe(1));
  expect(file.current().grants.check(ASK).granted).toBe(true);

  await writeFile(path, 'signing: {grants: nobody}');
  vi.advanceTimersByTime(2_000);
  await vi.waitFor(() => expect(logged).toHaveLength(1));
  expect(logged[0]).toContain('expected a list');
  expect(file.current().grants.check(ASK).granted).toBe(true);

  await writeFile(path, '');
  vi.advanceTimersByTime(2_000);
  await vi.waitFor(() => expect(changes).toBe(2));
  expect(file.current().grants.check(ASK).granted).toBe(false);
});

it('no file grants nothing; a file that is not there, or bad at the start, is an error', async () => {
  const none = new WatchedFile({ ...options, path: undefined });
  await none.load();
  expect(none.current().grants.check(ASK).granted).toBe(false);
  await expect(file.load()).rejects.toThrow('ENOENT');
  await writeFile(path, 'signing: []');
  await expect(file.load()).rejects.toThrow(`the configuration, ${path}: signing: expected a mapping`);
});
