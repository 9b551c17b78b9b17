import { createHash } from 'node:crypto';
import { chmod, copyFile, readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ImageVerdict } from '../../../src/api/image-verdict.ts';
import { type CacheRead, openVerdictCache } from '../../../src/verification/index.ts';
import { type TemporaryFolder, temporaryFolder } from '../../support/temporary-folder.ts';

const NOW = new Date('2026-06-15T12:00:00Z');
const minutesAgo = (minutes: number): Date => new Date(NOW.getTime() - minutes * 60_000);
const REPOSITORY = 'r.example/team/app';
const digestOf = (bytes: Buffer): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
const CONTENT = Buffer.from('{"schemaVersion":2}');
const DIGEST = digestOf(CONTENT);
const KEY = `${REPOSITORY}@${DIGEST}`;
const LIST = {
  signatures: [
    { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: digestOf(Buffer.from('s')), size: 7 },
  ],
  truncated: false,
  listedAt: minutesAgo(5).getTime(),
};
const TOLD: ImageVerdict = {
  verdict: 'Unknown',
  cause: { reason: 'RegistryUnreachable', message: 'down', since: minutesAgo(3).toISOString() },
  statement: 'acme/images',
  lastKnown: { verdict: 'Trusted', verifiedAt: minutesAgo(10) },
  verifiedAt: minutesAgo(1),
};

let folder: TemporaryFolder;
let reads: CacheRead[];
let faults: unknown[];
beforeEach(async () => {
  folder = await temporaryFolder('verdict-cache');
  [reads, faults] = [[], []];
});
afterEach(async () => {
  await chmod(folder.path, 0o700);
  await folder.remove();
});

function open(at = folder.path) {
  return openVerdictCache({
    folder: at,
    clock: () => NOW,
    onFault: (error) => faults.push(error),
    onRead: (result) => reads.push(result),
  });
}

/** The one file that is there. */
async function file(): Promise<string> {
  const names = await readdir(folder.path);
  expect(names.length).toBe(1);
  return join(folder.path, names[0] ?? '');
}

/** Replaces the content of the one file, with a header that fits it: what a forger would write. */
async function forge(content: string | Buffer, header: object = {}): Promise<void> {
  const path = await file();
  const bytes = await readFile(path);
  const end = bytes.indexOf(0x0a);
  const body = Buffer.from(content);
  const sha256 = createHash('sha256').update(body).digest('hex');
  const written = { ...(JSON.parse(bytes.toString('utf8', 0, end)) as object), sha256, ...header };
  await writeFile(path, Buffer.concat([Buffer.from(`${JSON.stringify(written)}\n`), body]));
}

describe('the verdict cache on disk', () => {
  it('gives back after a restart what was written', async () => {
    const cache = open();
    cache.writeContent(REPOSITORY, DIGEST, CONTENT);
    cache.writeList(KEY, LIST);
    cache.writeVerdict(KEY, { verdict: TOLD, indexes: [DIGEST] });
    await cache.flush();
    const again = open();
    expect(await again.readContent(REPOSITORY, DIGEST)).toEqual(CONTENT);
    expect(await again.readList(KEY)).toEqual(LIST);
    // The sentence of a cause is made anew each time.
    const cause = { reason: 'RegistryUnreachable', message: '', since: minutesAgo(3).toISOString() };
    expect(await again.readVerdict(KEY)).toEqual({ verdict: { ...TOLD, cause }, indexes: [DIGEST] });
    expect(reads).toEqual(['hit', 'hit', 'hit']);
  });

  it('what another repository holds is not found under this one', async () => {
    const cache = open();
    cache.writeContent(REPOSITORY, DIGEST, CONTENT);
    await cache.flush();
    expect(await cache.readContent('r.example/other', DIGEST)).toBeUndefined();
    expect(reads).toEqual(['miss']);
  });

  it('forgets list and verdict of an image', async () => {
    const cache = open();
    cache.writeList(KEY, LIST);
    cache.writeVerdict(KEY, { verdict: TOLD, indexes: [] });
    cache.forget(KEY);
    await cache.flush();
    expect(await readdir(folder.path)).toEqual([]);
  });

  it.each<[string, () => Promise<unknown>]>([
    ['cut short', async () => truncate(await file(), 150)],
    ['empty', async () => truncate(await file(), 0)],
    ['without a header', async () => writeFile(await file(), CONTENT)],
    ['of another version', () => forge(CONTENT, { version: 0 })],
    ['of another kind', () => forge(CONTENT, { kind: 'list' })],
    ['of another format', () => forge(CONTENT, { format: 'another' })],
    ['about another image', () => forge(CONTENT, { name: `r.example/other@${DIGEST}` })],
    ['damaged', () => forge(CONTENT, { sha256: '0'.repeat(64) })],
    ['with other content under the digest, and a header that fits it', () => forge('{"schemaVersion":3}')],
  ])('a file that is %s is dropped and counted, never believed', async (_name, spoil) => {
    const cache = open();
    cache.writeContent(REPOSITORY, DIGEST, CONTENT);
    await cache.flush();
    await spoil();
    expect(await cache.readContent(REPOSITORY, DIGEST)).toBeUndefined();
    expect(reads).toEqual(['dropped']);
    expect(await readdir(folder.path)).toEqual([]);
    expect(faults).toEqual([]);
  });

  it('a file that was copied under the name of another is dropped', async () => {
    const cache = open();
    const other = digestOf(Buffer.from('other'));
    cache.writeContent(REPOSITORY, DIGEST, CONTENT);
    await cache.flush();
    const from = await file();
    cache.writeContent(REPOSITORY, other, Buffer.from('other'));
    await cache.flush();
    const to = (await readdir(folder.path)).find((name) => join(folder.path, name) !== from) ?? '';
    await copyFile(from, join(folder.path, to));
    expect(await cache.readContent(REPOSITORY, other)).toBeUndefined();
    expect(reads).toEqual(['dropped']);
  });

  const descriptor = LIST.signatures[0];
  it.each<[string, unknown]>([
    ['no JSON', undefined],
    ['no object', []],
    ['listed in a time to come', { ...LIST, listedAt: minutesAgo(-1).toISOString() }],
    ['with a time that is none', { ...LIST, listedAt: 'yesterday' }],
    [
      'with an entry that is no descriptor',
      { ...LIST, listedAt: minutesAgo(1), signatures: [{ ...descriptor, size: -1 }] },
    ],
    ['without its signatures', { truncated: false, listedAt: minutesAgo(1) }],
    ['that does not say whether it is whole', { signatures: [], listedAt: minutesAgo(1) }],
    ['too long', { ...LIST, listedAt: minutesAgo(1), signatures: Array.from({ length: 1_001 }, () => descriptor) }],
  ])('a list that is %s is dropped', async (_name, value) => {
    const cache = open();
    cache.writeList(KEY, LIST);
    await cache.flush();
    await forge(value === undefined ? '{' : JSON.stringify(value));
    expect(await cache.readList(KEY)).toBeUndefined();
    expect(reads).toEqual(['dropped']);
  });

  it.each<[string, object]>([
    ['of no type there is', { verdict: { ...TOLD, verdict: 'Splendid' } }],
    ['of a time to come', { verdict: { ...TOLD, verifiedAt: minutesAgo(-1) } }],
    ['with a reason there is not', { verdict: { ...TOLD, cause: { reason: 'Whim' } } }],
    [
      'last known at a time to come',
      { verdict: { ...TOLD, lastKnown: { verdict: 'Trusted', verifiedAt: minutesAgo(-1) } } },
    ],
    ['with an index that is no digest', { indexes: ['../../etc/passwd'] }],
    ['with too many indexes', { indexes: Array.from({ length: 9 }, () => DIGEST) }],
    ['without indexes', { indexes: undefined }],
  ])('what was told %s is dropped', async (_name, change) => {
    const cache = open();
    const told = { verdict: TOLD, indexes: [] };
    cache.writeVerdict(KEY, told);
    await cache.flush();
    await forge(JSON.stringify({ ...told, ...change }));
    expect(await cache.readVerdict(KEY)).toBeUndefined();
    expect(reads).toEqual(['dropped']);
  });

  it('a cause that began in a time to come has no beginning; a sentence of the disk is not told', async () => {
    const cache = open();
    cache.writeVerdict(KEY, { verdict: TOLD, indexes: [] });
    await cache.flush();
    const cause = { reason: 'RegistryUnreachable', message: 'call this number', since: minutesAgo(-1) };
    await forge(JSON.stringify({ verdict: { ...TOLD, cause }, indexes: [] }));
    const read = await cache.readVerdict(KEY);
    expect(read?.verdict.cause).toEqual({ reason: 'RegistryUnreachable', message: '' });
  });

  it('a folder that cannot be used is told once; nothing is found there (faults.md 52)', async () => {
    const path = join(folder.path, 'file');
    await writeFile(path, '');
    const cache = open(join(path, 'below'));
    cache.writeContent(REPOSITORY, DIGEST, CONTENT);
    cache.writeList(KEY, LIST);
    await cache.flush();
    expect(await cache.readContent(REPOSITORY, DIGEST)).toBeUndefined();
    expect(faults.length).toBe(1);
  });
});
