import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ARTIFACT_TYPE_NOTATION, type Descriptor } from '../../../src/notary/index.ts';
import { fetchSignature, listSignatures, OciError, OciLayout, pushSignature } from '../../../src/oci/index.ts';
import { writeImageLayout } from '../../support/image-layout.ts';
import { type TemporaryFolder, temporaryFolder } from '../../support/temporary-folder.ts';
import { failureOf, INDEX, MANIFEST, NOTATION, signal } from './wire-client.ts';

const REFERENCE = { registry: 'local', repository: 'app' };
const JWS = 'application/jose+json';

let folder: TemporaryFolder;
let layout: OciLayout;
let image: Descriptor;
beforeEach(async () => {
  folder = await temporaryFolder('layout');
  image = await writeImageLayout(folder.path, 'v1', 'hello');
  layout = await OciLayout.open(folder.path);
});
afterEach(() => folder.remove());

const push = (envelope: string, on: OciLayout = layout): Promise<Descriptor> =>
  pushSignature(
    on,
    REFERENCE,
    image,
    { envelope: Buffer.from(envelope), mediaType: JWS, annotations: { note: envelope } },
    signal(),
  );
const list = async (max = 100): Promise<readonly string[]> =>
  (await listSignatures(layout, REFERENCE, image, { max }, signal())).signatures.map(({ digest }) => digest);
const fetch = async (signature: Descriptor): Promise<string> =>
  Buffer.from((await fetchSignature(layout, REFERENCE, image, signature, signal())).envelope).toString();

function blobPath(digest: string): string {
  return join(folder.path, 'blobs', ...digest.split(':'));
}

/** Writes a blob past the code that is tested. */
async function putBlob(content: string | object, mediaType = MANIFEST): Promise<Descriptor> {
  const bytes = Buffer.from(typeof content === 'string' ? content : JSON.stringify(content));
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  await writeFile(blobPath(digest), bytes);
  return { mediaType, digest, size: bytes.byteLength };
}

async function readIndex(): Promise<{ manifests: Record<string, unknown>[] } & Record<string, unknown>> {
  return JSON.parse(await readFile(join(folder.path, 'index.json'), 'utf8')) as Awaited<ReturnType<typeof readIndex>>;
}

async function addToIndex(...entries: readonly object[]): Promise<void> {
  const index = await readIndex();
  const manifests = [...index.manifests, ...entries];
  await writeFile(join(folder.path, 'index.json'), JSON.stringify({ ...index, manifests }));
}

describe('opening', () => {
  it.each([
    ['a folder without oci-layout', undefined, /expected a folder with the file oci-layout; found none/],
    ['another version', '{"imageLayoutVersion":"2.0.0"}', /expected imageLayoutVersion "1\.0\.0"; found "2\.0\.0"/],
    ['no JSON', 'hello', /found none/],
    ['no version', '{}', /found none/],
    ['a file that is too large', ' '.repeat(2_000), /larger than the limit of 1024 bytes/],
  ])('%s is refused', async (_what, content, message) => {
    const path = join(folder.path, 'oci-layout');
    if (content === undefined) await rm(path);
    else await writeFile(path, content);
    expect((await failureOf(OciLayout.open(folder.path))).message).toMatch(message);
  });

  it('a path where nothing is, or below a file, is no layout', async () => {
    for (const path of ['nowhere', 'index.json'])
      expect((await failureOf(OciLayout.open(join(folder.path, path)))).code).toBe('InvalidReference');
  });
});

describe('resolving', () => {
  const resolve = (of: { tag?: string; digest?: string }): Promise<Descriptor> =>
    layout.resolve({ ...REFERENCE, ...of }, signal());

  it('a tag is the name of an entry of index.json; a digest is read and checked', async () => {
    expect(await resolve({ tag: 'v1' })).toEqual(image);
    expect(await resolve({ digest: image.digest })).toEqual(image);
  });

  it('the manifests of platforms are found by digest, and take their media type from the index where they have none', async () => {
    const platform = await putBlob({ schemaVersion: 2, config: {}, layers: [] });
    await addToIndex(await putBlob({ schemaVersion: 2, manifests: [platform] }, INDEX));
    expect(await resolve({ digest: platform.digest })).toEqual(platform);
  });

  it('an index without a media type that lists itself ends', async () => {
    const bare = await putBlob({ schemaVersion: 2, config: {}, layers: [] });
    expect((await failureOf(resolve({ digest: bare.digest }))).message).toContain('its media type is none of theirs');
  });

  it.each([
    ['an unknown tag', { tag: 'v2' }, 'NotFound', /no entry of index\.json has this name/],
    ['a tag that would be a path', { tag: '../../../etc/passwd' }, 'NotFound', /no entry/],
    ['a digest that is not there', { digest: `sha256:${'0'.repeat(64)}` }, 'NotFound', /not in the layout/],
    ['a digest that would be a path', { digest: 'sha256:../../index.json' }, 'InvalidReference', /expected a sha256/],
    ['a weak digest', { digest: `md5:${'0'.repeat(32)}` }, 'InvalidReference', /expected a sha256/],
  ])('%s is refused (A6)', async (_what, of, code, message) => {
    const error = await failureOf(resolve(of));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
  });

  it('a name that two different images have is refused, the same image twice is not', async () => {
    const annotations = { 'org.opencontainers.image.ref.name': 'v1' };
    await addToIndex({ ...image, annotations });
    expect(await resolve({ tag: 'v1' })).toEqual(image);
    await addToIndex({ ...(await putBlob({ schemaVersion: 2, mediaType: MANIFEST })), annotations });
    expect((await failureOf(resolve({ tag: 'v1' }))).message).toContain('index.json has 3 that differ');
  });

  it('content that is not what its digest or size says is refused (A6)', async () => {
    const bytes = await readFile(blobPath(image.digest));
    await writeFile(blobPath(image.digest), Buffer.concat([bytes, Buffer.from(' ')]));
    expect((await failureOf(resolve({ tag: 'v1' }))).message).toContain(`expected ${image.size} bytes, found`);
    expect((await failureOf(resolve({ digest: image.digest }))).code).toBe('DigestMismatch');
  });

  it('a manifest of more than 4 MiB is refused before it is read (A6)', async () => {
    const large = await putBlob(' '.repeat(4 * 1024 * 1024 + 1));
    expect((await failureOf(resolve({ digest: large.digest }))).code).toBe('TooLarge');
  });

  it('a listed type that contradicts the content is refused', async () => {
    const annotations = { 'org.opencontainers.image.ref.name': 'other' };
    await addToIndex({ ...image, mediaType: INDEX, annotations });
    expect((await failureOf(resolve({ tag: 'other' }))).message).toContain('contradicts');
    const text = await putBlob('{"mediaType":"text/html"}', 'text/html');
    expect((await failureOf(resolve({ digest: text.digest }))).code).toBe('InvalidAnswer');
  });

  it('a pipe in place of a blob holds nobody up', async () => {
    await rm(blobPath(image.digest));
    execFileSync('mkfifo', [blobPath(image.digest)]);
    expect((await failureOf(resolve({ tag: 'v1' }))).message).toContain('expected a file, found something else');
  });

  it('a blob may be a link, since it is checked', async () => {
    await rename(blobPath(image.digest), join(folder.path, 'elsewhere'));
    await symlink(join(folder.path, 'elsewhere'), blobPath(image.digest));
    expect(await resolve({ tag: 'v1' })).toEqual(image);
  });
});

describe('signatures', () => {
  it('what was pushed is listed and read back, beside what index.json held before (A1)', async () => {
    const before = await readIndex();
    const pushed = await push('one');
    expect(await list()).toEqual([pushed.digest]);
    expect(await fetch(pushed)).toBe('one');
    const { manifests, ...rest } = await readIndex();
    expect({ ...rest, manifests: manifests.slice(0, 1) }).toEqual(before);
    expect(manifests[1]).toEqual({ ...pushed, artifactType: ARTIFACT_TYPE_NOTATION, annotations: { note: 'one' } });
    expect(await readdir(folder.path)).toEqual(['blobs', 'index.json', 'oci-layout']);
  });

  it('a signature is told by the type of its config, by which alone notation-go finds it in a layout (A2 b)', async () => {
    const { digest } = await push('one');
    const manifest = JSON.parse(await readFile(blobPath(digest), 'utf8')) as Record<string, unknown>;
    expect(manifest).not.toHaveProperty('artifactType');
    expect(manifest['config']).toMatchObject({ mediaType: NOTATION, size: 2 });
  });

  it('a signature that is there already is listed once', async () => {
    expect(await push('one')).toEqual(await push('one'));
    expect(await list()).toHaveLength(1);
  });

  it('a blob that was cut short is written anew', async () => {
    const pushed = await push('one');
    const bytes = await readFile(blobPath(pushed.digest));
    await writeFile(blobPath(pushed.digest), bytes.subarray(0, 10));
    await push('one');
    expect(await fetch(pushed)).toBe('one');
  });

  it('an image without signatures has none, and what refers to others does not count', async () => {
    await addToIndex(
      await putBlob({ artifactType: NOTATION, subject: { ...image, digest: `sha256:${'1'.repeat(64)}` } }),
      await putBlob({ artifactType: 'text/sbom', subject: image }),
      await putBlob({ config: { mediaType: 'text/sbom' }, subject: image }),
    );
    expect(await list()).toEqual([]);
  });

  it('the older layout, the artifact manifest, and manifests of a nested index are found (A2)', async () => {
    const older = await putBlob({ config: { mediaType: NOTATION }, subject: image });
    const artifact = await putBlob(
      { artifactType: NOTATION, subject: image },
      'application/vnd.oci.artifact.manifest.v1+json',
    );
    const nested = await putBlob({ artifactType: NOTATION, config: {}, subject: image });
    await addToIndex(older, artifact, await putBlob({ manifests: [nested] }, INDEX));
    expect(await list()).toEqual([older.digest, artifact.digest, nested.digest]);
  });

  it('more signatures than the limit are told as such (A7)', async () => {
    for (const name of ['a', 'b', 'c']) await push(name);
    expect(await listSignatures(layout, REFERENCE, image, { max: 2 }, signal())).toMatchObject({ truncated: true });
    expect(await list(2)).toHaveLength(2);
    expect(await listSignatures(layout, REFERENCE, image, { max: 3 }, signal())).toMatchObject({ truncated: false });
  });

  it('a signature whose manifest is bad or gone hides no other, and fails alone (A8)', async () => {
    const [bad, gone, good] = [await push('bad'), await push('gone'), await push('good')];
    await writeFile(blobPath(bad.digest), 'x');
    await rm(blobPath(gone.digest));
    expect(await list()).toEqual([bad.digest, gone.digest, good.digest]);
    for (const signature of [bad, gone]) {
      const error = await failureOf(fetchSignature(layout, REFERENCE, image, signature, signal()));
      expect(['DigestMismatch', 'InvalidAnswer']).toContain(error.code);
    }
    expect(await fetch(good)).toBe('good');
  });

  it('an envelope that is gone, changed or larger than 32 MiB is bad content of one signature (A6, A8)', async () => {
    const pushed = await push('one');
    const envelope = `sha256:${createHash('sha256').update('one').digest('hex')}`;
    await writeFile(blobPath(envelope), 'two');
    expect((await failureOf(fetch(pushed))).code).toBe('DigestMismatch');
    await rm(blobPath(envelope));
    expect((await failureOf(fetch(pushed))).code).toBe('InvalidAnswer');
    const empty = { mediaType: 'application/vnd.oci.empty.v1+json', digest: `sha256:${'0'.repeat(64)}`, size: 2 };
    const large = await putBlob({
      schemaVersion: 2,
      mediaType: MANIFEST,
      artifactType: NOTATION,
      config: { ...empty, mediaType: NOTATION },
      layers: [{ mediaType: JWS, digest: envelope, size: 32 * 1024 * 1024 + 1 }],
      subject: image,
    });
    expect((await failureOf(fetch(large))).code).toBe('TooLarge');
  });

  it.each([
    [
      'a manifest whose content is another',
      async () => {
        const entry = await putBlob({ subject: image });
        await writeFile(blobPath(entry.digest), '{}');
        return entry;
      },
    ],
    ['an entry that is no descriptor', async () => ({ mediaType: MANIFEST })],
    ['a nested index that is none', () => putBlob('[]', INDEX)],
    [
      'indexes nested too deep',
      async () => {
        let index = await putBlob({ manifests: [], note: 0 }, INDEX);
        for (let depth = 0; depth < 5; depth += 1) index = await putBlob({ manifests: [index] }, INDEX);
        return index;
      },
    ],
  ])('with %s, no signature found is not "unsigned"', async (_what, make) => {
    await addToIndex(await make());
    expect((await failureOf(list())).message).toContain('not all of the layout can be read');
    const good = await push('good');
    expect(await list()).toEqual([good.digest]);
  });

  it('a platform that was not copied along is no fault', async () => {
    const absent = { mediaType: MANIFEST, digest: `sha256:${'2'.repeat(64)}`, size: 10 };
    await addToIndex(absent, await putBlob({ manifests: [absent] }, INDEX));
    expect(await list()).toEqual([]);
  });

  it('an index.json that is missing, no JSON or too large is a fault, never "unsigned"', async () => {
    const path = join(folder.path, 'index.json');
    await writeFile(path, ' '.repeat(4 * 1024 * 1024 + 1));
    expect((await failureOf(list())).code).toBe('TooLarge');
    await writeFile(path, 'no');
    expect((await failureOf(list())).code).toBe('InvalidAnswer');
    await rm(path);
    expect((await failureOf(list())).code).toBe('InvalidAnswer');
  });

  it('a layout of more than 10,000 manifests is refused', async () => {
    const entry = (i: number): object => ({
      mediaType: MANIFEST,
      digest: `sha256:${i.toString(16).padStart(64, '0')}`,
      size: 1,
    });
    await addToIndex(...Array.from({ length: 10_001 }, (_, i) => entry(i)));
    expect((await failureOf(list())).message).toContain('more than 10000 manifests');
  });
});

describe('writing', () => {
  it('signatures pushed at the same time, by several who opened the layout, are all listed', async () => {
    const pushed = await Promise.all(
      Array.from({ length: 12 }, async (_, i) => push(`signature ${i}`, await OciLayout.open(folder.path))),
    );
    expect([...(await list())].sort()).toEqual(pushed.map(({ digest }) => digest).sort());
    expect(await readdir(folder.path)).toEqual(['blobs', 'index.json', 'oci-layout']);
  });

  it('a folder of blobs that is a link out of the layout is refused, and nothing is written there', async () => {
    const outside = await temporaryFolder('outside');
    try {
      await rename(join(folder.path, 'blobs'), join(outside.path, 'blobs'));
      await symlink(join(outside.path, 'blobs'), join(folder.path, 'blobs'));
      const before = await readdir(join(outside.path, 'blobs', 'sha256'));
      expect((await failureOf(push('one'))).message).toContain('leads out of the layout');
      expect(await readdir(join(outside.path, 'blobs', 'sha256'))).toEqual(before);
      expect((await readdir(folder.path)).filter((name) => name.startsWith('.sealwatch'))).toEqual([]);
    } finally {
      await outside.remove();
    }
  });

  it('makes the folder of an algorithm where it is missing', async () => {
    const path = join(folder.path, 'blobs');
    await rm(path, { recursive: true });
    await layout.pushBlob(REFERENCE, Buffer.from('x'), JWS, signal());
    expect((await stat(join(path, 'sha256'))).isDirectory()).toBe(true);
  });

  it('waits for another writer, until its own time is over; one that died long ago is not waited for', async () => {
    const lock = join(folder.path, '.sealwatch-lock');
    await writeFile(lock, '');
    const soon = AbortSignal.timeout(200);
    const error = await failureOf(
      pushSignature(layout, REFERENCE, image, { envelope: Buffer.from('x'), mediaType: JWS, annotations: {} }, soon),
    );
    expect(error).toMatchObject({ code: 'Timeout', message: expect.stringContaining('another process is writing') });
    await utimes(lock, new Date(0), new Date(0));
    await push('one');
    expect(await list()).toHaveLength(1);
  });

  it('an index that would grow past 4 MiB is left as it is (A6)', async () => {
    const index = await readIndex();
    const path = join(folder.path, 'index.json');
    const room = 4 * 1024 * 1024 - JSON.stringify({ ...index, x: '' }).length - 10;
    await writeFile(path, JSON.stringify({ ...index, x: 'x'.repeat(room) }));
    const before = await readFile(path);
    expect((await failureOf(push('one'))).code).toBe('TooLarge');
    expect((await readFile(path)).equals(before)).toBe(true);
  });

  it('what the system refuses is told by its code, as a fault of the store', async () => {
    await rm(join(folder.path, 'blobs'), { recursive: true });
    await writeFile(join(folder.path, 'blobs'), '');
    const error = await failureOf(push('one'));
    expect(error).toMatchObject({ code: 'Unreachable', message: expect.stringMatching(/ENOTDIR|EEXIST/) });
    expect(error).toBeInstanceOf(OciError);
  });

  it('an aborted push writes nothing', async () => {
    await mkdir(join(folder.path, 'more'));
    await expect(
      layout.pushBlob(REFERENCE, Buffer.from('x'), JWS, AbortSignal.abort(new Error('enough'))),
    ).rejects.toThrow('enough');
  });
});
