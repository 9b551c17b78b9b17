import { mkdir, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDiskCache } from '../../../src/pki/index.ts';
import { type TemporaryFolder, temporaryFolder } from '../../support/temporary-folder.ts';

const AT = new Date('2026-06-15T12:00:00Z');
const later = (seconds: number): Date => new Date(AT.getTime() + seconds * 1_000);
let folder: TemporaryFolder;
let faults: unknown[];

beforeEach(async () => {
  folder = await temporaryFolder('disk-cache');
  faults = [];
});
afterEach(() => folder.remove());

function open(options: { maxBytes?: number; maxEntryBytes?: number; at?: string } = {}) {
  const { at = join(folder.path, 'revocation'), ...rest } = options;
  return openDiskCache({ folder: at, onFault: (error) => faults.push(error), ...rest });
}

describe('the cache of revocation data on disk (notary.md H6)', () => {
  it('gives back bytes and time after a restart; the folder is made at the first entry (H6)', async () => {
    expect(await open().read('crl-1')).toBeUndefined();
    await open().write('crl-1', Buffer.from('first'), AT);
    await open().write('crl-1', Buffer.from('second'), later(1));
    expect(await open().read('crl-1')).toEqual({ bytes: Buffer.from('second'), fetchedAt: later(1) });
    expect(await readdir(join(folder.path, 'revocation'))).toEqual(['crl-1.der']);
    expect((await stat(join(folder.path, 'revocation', 'crl-1.der'))).mode & 0o777).toBe(0o600);
    expect(faults).toEqual([]);
  });

  it('keeps at most so many bytes in all; the oldest go first (H6)', async () => {
    const cache = open({ maxBytes: 100 });
    for (const i of [3, 1, 2]) await cache.write(`crl-${i}`, Buffer.alloc(30), later(i));
    await cache.write('crl-4', Buffer.alloc(30), later(4));
    expect((await readdir(join(folder.path, 'revocation'))).sort()).toEqual(['crl-2.der', 'crl-3.der', 'crl-4.der']);
    // Written at once, they are counted one after another.
    await Promise.all([5, 6, 7].map((i) => cache.write(`crl-${i}`, Buffer.alloc(40), later(i))));
    expect((await readdir(join(folder.path, 'revocation'))).sort()).toEqual(['crl-6.der', 'crl-7.der']);
  });

  it('neither writes nor reads what is larger than an entry may be (H6)', async () => {
    await open().write('crl-1', Buffer.alloc(11), AT);
    expect(await open({ maxEntryBytes: 10 }).read('crl-1')).toBeUndefined();
    await open({ maxEntryBytes: 10 }).write('crl-2', Buffer.alloc(11), AT);
    expect(await readdir(join(folder.path, 'revocation'))).toEqual(['crl-1.der']);
  });

  it('sweeps out what a crash left half-written, and leaves files of others alone (H6)', async () => {
    const path = join(folder.path, 'revocation');
    await mkdir(path);
    const old = new Date(Date.now() - 2 * 60 * 60_000);
    await writeFile(join(path, 'crl-1.der.x.partial'), 'half');
    await utimes(join(path, 'crl-1.der.x.partial'), old, old);
    await writeFile(join(path, 'notes.txt'), 'mine');
    await utimes(join(path, 'notes.txt'), old, old);
    await open({ maxBytes: 10 }).write('crl-2', Buffer.alloc(10), AT);
    expect((await readdir(path)).sort()).toEqual(['crl-2.der', 'notes.txt']);
  });

  it('a folder that cannot be made or written is told once, and costs nothing else (H6)', async () => {
    const file = join(folder.path, 'file');
    await writeFile(file, '');
    const cache = open({ at: join(file, 'below') });
    await cache.write('crl-1', Buffer.from('x'), AT);
    await cache.write('crl-2', Buffer.from('x'), AT);
    expect(await cache.read('crl-1')).toBeUndefined();
    expect(faults.length).toBe(1);
    expect(String(faults[0])).toMatch(/ENOTDIR|EEXIST/);
  });

  it('a write that fails half-way is told once and leaves no half entry (H6)', async () => {
    const path = join(folder.path, 'revocation');
    const cache = open();
    await cache.write('crl-1', Buffer.from('x'), AT);
    // A folder of the entry's name: the bytes are written, and cannot take their place.
    await mkdir(join(path, 'crl-2.der'));
    await cache.write('crl-2', Buffer.from('y'), AT);
    expect(faults.length).toBe(1);
    expect(await cache.read('crl-1')).toMatchObject({ bytes: Buffer.from('x') });
    expect((await readdir(path)).filter((name) => name.endsWith('.partial'))).toEqual([]);
    expect(await readFile(join(path, 'crl-1.der'), 'utf8')).toBe('x');
  });

  it('a key that could leave the folder is a bug, and is refused (H6)', async () => {
    await open().write('../outside', Buffer.from('x'), AT);
    expect(faults.length).toBe(1);
    expect(await readdir(folder.path)).not.toContain('outside.der');
  });
});
