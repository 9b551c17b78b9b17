import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { withLock } from '../../../hack/tools/lock.ts';
import { exists } from './tool-world.ts';

let path: string;

beforeEach(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sealwatch-lock-'));
  path = join(folder, 'sub', '.lock');
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await withLock(path, noWait, async () => undefined);
});

function noWait(pid: number): void {
  throw new Error(`waits for ${pid}`);
}

it('lets one run after the other', async () => {
  const steps: string[] = [];
  const run = (name: string) =>
    withLock(path, noWait, async () => {
      steps.push(`${name} begins`);
      await new Promise((resolve) => setImmediate(resolve));
      steps.push(`${name} ends`);
    });
  await Promise.all([run('a'), run('b'), run('c')]);
  const names = steps.filter((step) => step.endsWith('begins')).map((step) => step.split(' ')[0]);
  expect(steps).toEqual(names.flatMap((name) => [`${name} begins`, `${name} ends`]));
  expect(names.toSorted()).toEqual(['a', 'b', 'c']);
});

it('is given back when what ran under it fails', async () => {
  await expect(withLock(path, noWait, () => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
  expect(await exists(path)).toBe(false);
});

it('of a process that lives is waited for, and that is told once', async () => {
  // The parent of this process lives as long as it.
  await writeFile(path, String(process.ppid));
  const waited: number[] = [];
  const done = withLock(
    path,
    (pid) => void waited.push(pid),
    async () => 'done',
  );
  await expect.poll(() => waited).toEqual([process.ppid]);
  await rm(path);
  expect(await done).toBe('done');
  expect(waited).toEqual([process.ppid]);
});

it('of a process that died is taken over', async () => {
  const { pid } = spawnSync('true');
  await writeFile(path, String(pid));
  expect(await withLock(path, noWait, async () => 'done')).toBe('done');
});

it('that nobody touched for a minute is taken over: another process may have the id of its owner now', async () => {
  await writeFile(path, String(process.ppid));
  const past = new Date(Date.now() - 61_000);
  await utimes(path, past, past);
  expect(await withLock(path, noWait, async () => 'done')).toBe('done');
});

it('whose owner died before it wrote its id is taken over after a minute', async () => {
  await writeFile(path, '');
  const past = new Date(Date.now() - 61_000);
  await utimes(path, past, past);
  expect(await withLock(path, noWait, async () => 'done')).toBe('done');
});
