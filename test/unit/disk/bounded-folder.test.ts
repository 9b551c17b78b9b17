import { mkdir, readdir, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type BoundedFolderOptions, openBoundedFolder } from '../../../src/disk/index.ts';
import { type TemporaryFolder, temporaryFolder } from '../../support/temporary-folder.ts';

let folder: TemporaryFolder;
let path: string;
let faults: unknown[];

beforeEach(async () => {
  folder = await temporaryFolder('bounded-folder');
  path = join(folder.path, 'cache');
  faults = [];
});
afterEach(() => folder.remove());

function open(options: Partial<BoundedFolderOptions> = {}) {
  const onFault = (error: unknown): void => void faults.push(error);
  return openBoundedFolder({ folder: path, suffix: '.x', evict: 'leastRecentlyUsed', onFault, ...options });
}

const names = async (): Promise<readonly string[]> => (await readdir(path)).sort();
const hoursAgo = (hours: number): Date => new Date(Date.now() - hours * 3_600_000);

describe('a folder of bounded size', () => {
  it('only its owner may read what is there', async () => {
    await open().write('a', Buffer.from('x'));
    expect((await stat(path)).mode & 0o777).toBe(0o700);
    expect((await stat(join(path, 'a.x'))).mode & 0o777).toBe(0o600);
  });

  it('lets what was not read for longest go first', async () => {
    const cache = open({ maxBytes: 100 });
    await cache.write('a', Buffer.alloc(30), hoursAgo(4));
    await cache.write('b', Buffer.alloc(30), hoursAgo(3));
    await cache.write('c', Buffer.alloc(30), hoursAgo(2));
    expect((await cache.read('a'))?.bytes.byteLength).toBe(30);
    await cache.write('d', Buffer.alloc(30));
    expect(await names()).toEqual(['a.x', 'c.x', 'd.x']);
    // The use is in the file's time, so that it counts after a restart too.
    await open({ maxBytes: 100 }).write('e', Buffer.alloc(30));
    expect(await names()).toEqual(['a.x', 'd.x', 'e.x']);
  });

  it('an entry that is replaced counts once', async () => {
    const cache = open({ maxBytes: 100 });
    for (let i = 0; i < 10; i += 1) await cache.write('a', Buffer.alloc(40));
    await cache.write('b', Buffer.alloc(40));
    expect(await names()).toEqual(['a.x', 'b.x']);
  });

  it('sees now and then what another process wrote there', async () => {
    const cache = open({ maxBytes: 1_000 });
    await cache.write('a', Buffer.alloc(10));
    await writeFile(join(path, 'other.x'), Buffer.alloc(2_000));
    await utimes(join(path, 'other.x'), hoursAgo(1), hoursAgo(1));
    for (let i = 0; i < 10; i += 1) await cache.write(`b${i}`, Buffer.alloc(10));
    expect(await names()).not.toContain('other.x');
    expect(await names()).toContain('a.x');
  });

  it('what is removed is gone, and what was not there is no fault', async () => {
    const cache = open();
    await cache.remove('a');
    await cache.write('a', Buffer.from('x'));
    await cache.remove('a');
    expect(await cache.read('a')).toBeUndefined();
    expect(faults).toEqual([]);
  });

  it('all that was asked for is written once flush resolves', async () => {
    const cache = open();
    for (let i = 0; i < 20; i += 1) void cache.write(`a${i}`, Buffer.alloc(1_000));
    await cache.flush();
    expect((await names()).length).toBe(20);
  });

  it('what waits for a slow disk is bounded: more is not kept', async () => {
    const cache = open();
    const chunk = Buffer.alloc(16 * 1024 * 1024);
    for (let i = 0; i < 4; i += 1) void cache.write(`a${i}`, chunk);
    await cache.flush();
    expect(await names()).toEqual(['a0.x', 'a1.x']);
    await cache.write('b', chunk);
    expect(await names()).toContain('b.x');
  });

  it('a folder that cannot be made is told once, and costs nothing else (faults.md 52)', async () => {
    await mkdir(path);
    await writeFile(join(path, 'file'), '');
    const cache = open({ folder: join(path, 'file', 'below') });
    await cache.write('a', Buffer.from('x'));
    await cache.remove('a');
    expect(await cache.read('a')).toBeUndefined();
    expect(faults.length).toBe(1);
  });
});
