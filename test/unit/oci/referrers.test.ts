import { describe, expect, it } from 'vitest';
import { fetchSignature, isContentFault, listSignatures } from '../../../src/oci/index.ts';
import {
  clientOf,
  digestOf,
  failureOf,
  INDEX,
  imageAt,
  MANIFEST,
  NOTATION,
  SUBJECT,
  signal,
  start,
} from './wire-client.ts';
import { answer, type Handler } from './wire-registry.ts';

const entry = (n: number, more: object = {}) => ({
  mediaType: MANIFEST,
  digest: `sha256:${String(n).padStart(64, '0')}`,
  size: 900,
  artifactType: NOTATION,
  ...more,
});
const index = (...manifests: readonly unknown[]): string =>
  JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests });

async function list(handler: Handler, max = 100, timeoutMs = 5_000) {
  const registry = await start(handler);
  const image = imageAt(registry, SUBJECT.digest);
  const promise = listSignatures(clientOf({ timeoutMs }), image, SUBJECT, { max }, signal());
  return { promise, registry };
}

describe('listing signatures', () => {
  it('passes over an entry that is no descriptor: it hides none of the others (notary.md A8; faults.md 31)', async () => {
    const junk = [null, 7, {}, entry(1, { digest: 'sha256:x' }), entry(1, { size: -1 }), entry(1, { mediaType: 1 })];
    const { promise } = await list((_request, response) =>
      answer(response, 200, index(...junk, entry(2)), { 'content-type': INDEX }),
    );
    expect((await promise).signatures.map(({ digest }) => digest)).toEqual([entry(2).digest]);
  });

  it('is an error, never "unsigned", when nothing but such entries is there', async () => {
    const { promise } = await list((_request, response) => answer(response, 200, index({}), { 'content-type': INDEX }));
    expect((await failureOf(promise)).code).toBe('InvalidAnswer');
  });

  it('does not let a wrong size displace the right one of the same digest', async () => {
    const { promise } = await list((_request, response) =>
      answer(response, 200, index(entry(1), entry(1, { size: 1 })), { 'content-type': INDEX }),
    );
    expect((await promise).signatures.map(({ size }) => size)).toEqual([900, 1]);
  });

  it.each([
    ['404 of an ingress without its backend', 404, 'text/plain'],
    ['page of maintenance', 200, 'text/html'],
  ])(
    'is an error, never "unsigned", when a repository that has the Referrers API answers with a %s (A4)',
    async (_name, status, type) => {
      let isBlip = false;
      const registry = await start((request, response) => {
        if (!request.url?.includes('/referrers/'))
          return answer(response, 404, '{"errors":[{"code":"MANIFEST_UNKNOWN"}]}', {});
        if (isBlip) return answer(response, status, 'default backend', { 'content-type': type });
        return answer(response, 200, index(entry(1)), { 'content-type': INDEX });
      });
      const client = clientOf();
      const image = imageAt(registry, SUBJECT.digest);
      const listed = () => listSignatures(client, image, SUBJECT, { max: 100 }, signal());
      expect((await listed()).signatures).toHaveLength(1);
      isBlip = true;
      expect((await failureOf(listed())).code).toBe('InvalidAnswer');
      isBlip = false;
      expect((await listed()).signatures).toHaveLength(1);
    },
  );

  it('trusts a filter that the registry says it applied, and no other (A4)', async () => {
    const untyped = { ...entry(1), artifactType: undefined };
    for (const [applied, count] of [
      ['artifactType', 1],
      ['other', 0],
    ] as const) {
      const { promise } = await list((_request, response) =>
        answer(response, 200, index(untyped), { 'content-type': INDEX, 'oci-filters-applied': applied }),
      );
      expect((await promise).signatures).toHaveLength(count);
    }
  });

  it('keeps no annotations of a list: they are unverified and unbounded', async () => {
    const { promise } = await list((_request, response) =>
      answer(response, 200, index(entry(1, { annotations: { a: 'x'.repeat(1_000_000) } })), { 'content-type': INDEX }),
    );
    expect((await promise).signatures[0]).not.toHaveProperty('annotations');
  });

  it('keeps no artifact type of a list, and takes a media type longer than any for none: lists are kept (A6)', async () => {
    const long = entry(2, { mediaType: `application/${'x'.repeat(244)}` });
    const listed = index(entry(1, { mediaType: `application/${'x'.repeat(243)}` }), long, entry(3));
    const { promise } = await list((_request, response) => answer(response, 200, listed, { 'content-type': INDEX }));
    expect((await promise).signatures.map(({ digest }) => digest)).toEqual([entry(1).digest, entry(3).digest]);
    expect((await promise).signatures[0]).not.toHaveProperty('artifactType');
  });

  it('reads no page beyond the limit (A7; faults.md 30)', async () => {
    let page = 0;
    const { promise, registry } = await list((_request, response) => {
      page += 1;
      const link = `</v2/team/app/referrers/${SUBJECT.digest}?page=${page + 1}>; rel="next"`;
      answer(response, 200, index(entry(2 * page), entry(2 * page + 1)), { 'content-type': INDEX, link });
    }, 3);
    expect(await promise).toMatchObject({ signatures: { length: 3 }, truncated: true });
    expect(registry.requests).toHaveLength(2);
  });

  it('stops after 100 pages (A4)', async () => {
    let page = 0;
    const { promise, registry } = await list((_request, response) => {
      page += 1;
      const link = `</v2/team/app/referrers/${SUBJECT.digest}?page=${page + 1}>; rel="next"`;
      answer(response, 200, index(), { 'content-type': INDEX, link });
    });
    expect((await failureOf(promise)).code).toBe('InvalidAnswer');
    expect(registry.requests).toHaveLength(100);
  });

  it('ends when the time for all pages together is over (faults.md 34)', async () => {
    let page = 0;
    const { promise } = await list(
      (_request, response) => {
        page += 1;
        const link = `</v2/team/app/referrers/${SUBJECT.digest}?page=${page + 1}>; rel="next"`;
        const timer = setTimeout(() => answer(response, 200, index(), { 'content-type': INDEX, link }), 100);
        response.on('close', () => clearTimeout(timer));
      },
      100,
      350,
    );
    expect((await failureOf(promise)).code).toBe('Timeout');
    expect(page).toBeLessThan(10);
  });

  it('refuses a page of more than 4 MiB while it is read (A6; faults.md 26)', async () => {
    const { promise } = await list((_request, response) =>
      answer(response, 200, Buffer.alloc(5 * 1024 * 1024, 32), { 'content-type': INDEX }),
    );
    expect((await failureOf(promise)).code).toBe('TooLarge');
  });

  it('asks for no tag where the registry does not know the repository (A4)', async () => {
    const { promise, registry } = await list((request, response) =>
      request.url?.includes('/referrers/') === true
        ? answer(response, 404, '{"errors":[{"code":"NAME_UNKNOWN"}]}')
        : answer(response, 200, index(), { 'content-type': INDEX }),
    );
    expect((await failureOf(promise)).registryCode).toBe('NAME_UNKNOWN');
    expect(registry.requests).toHaveLength(1);
  });

  it('is an error, not the tag schema, when a later page is of another content type (A4)', async () => {
    const { promise, registry } = await list((request, response) => {
      if (request.url?.includes('page=2') === true)
        return answer(response, 200, index(), { 'content-type': 'text/html' });
      const link = `<${request.url}&page=2>; rel="next"`;
      answer(response, 200, index(entry(1)), { 'content-type': INDEX, link });
    });
    expect((await failureOf(promise)).code).toBe('InvalidAnswer');
    expect(registry.requests).toHaveLength(2);
  });

  it.each([
    [
      'the type of the empty config, as a registry lists it that does not know artifactType',
      'application/vnd.oci.empty.v1+json',
    ],
    ['no artifactType', undefined],
  ])('takes an entry for what it is listed as, as oras and notation do: %s (A4)', async (_name, artifactType) => {
    const { promise } = await list((_request, response) =>
      answer(response, 200, index(entry(1, { artifactType })), { 'content-type': INDEX }),
    );
    expect((await promise).signatures).toEqual([]);
  });

  it('finds the page behind a Link whose rel is not the first parameter', async () => {
    const { promise } = await list((request, response) => {
      const first = request.url?.includes('page=2') !== true;
      const link = `<${request.url}&page=2>; title="more"; rel="next"`;
      answer(response, 200, first ? index() : index(entry(1)), { 'content-type': INDEX, ...(first ? { link } : {}) });
    });
    expect((await promise).signatures).toHaveLength(1);
  });
});

describe('reading a listed signature', () => {
  const ARTIFACT = 'application/vnd.oci.artifact.manifest.v1+json';
  const envelope = '{"payload":""}';
  const layer = { mediaType: 'application/jose+json', digest: digestOf(envelope), size: envelope.length };
  const config = {
    mediaType: 'application/vnd.oci.empty.v1+json',
    digest: 'sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a',
    size: 2,
  };
  const good = {
    schemaVersion: 2,
    mediaType: MANIFEST,
    artifactType: NOTATION,
    config,
    layers: [layer],
    subject: SUBJECT,
  };

  async function read(manifest: object, options: { readonly contentType?: string; readonly listedAs?: string } = {}) {
    const body = JSON.stringify(manifest);
    const registry = await start((request, response) =>
      request.url?.includes('/blobs/') === true
        ? answer(response, 200, envelope)
        : answer(response, 200, body, { 'content-type': options.contentType ?? MANIFEST }),
    );
    const descriptor = { mediaType: options.listedAs ?? MANIFEST, digest: digestOf(body), size: body.length };
    return fetchSignature(clientOf(), imageAt(registry, SUBJECT.digest), SUBJECT, descriptor, signal());
  }

  it('what it is listed as is told without characters that move a cursor, and cut', async () => {
    const failure = await failureOf(read(good, { listedAs: `a\u001b[2J\u009b2J\u202e\n${'x'.repeat(200)}` }));
    expect(failure.message).toMatch(/listed as a \[2J 2J x{80,100}…, its manifest names another mediaType/);
  });

  it('the content, once its digest holds, beats a Content-Type that some proxy changed', async () => {
    expect((await read(good, { contentType: 'text/plain' })).mediaType).toBe('application/jose+json');
  });

  it.each([
    ['an empty config of another digest', { ...good, config: { ...config, digest: `sha256:${'0'.repeat(64)}` } }, {}],
    ['an empty config of another size', { ...good, config: { ...config, size: 3 } }, {}],
    ['another schemaVersion', { ...good, schemaVersion: 1 }, {}],
    ['a manifest that is listed as another type', { ...good, blobs: [layer] }, { listedAs: ARTIFACT }],
    [
      'an artifact manifest of another artifact type',
      { mediaType: ARTIFACT, artifactType: 'application/spdx+json', blobs: [layer], subject: SUBJECT },
      { listedAs: ARTIFACT, contentType: ARTIFACT },
    ],
  ])('refuses %s (A2)', async (_name, manifest, options) => {
    const error = await failureOf(read(manifest, options));
    expect([error.code, isContentFault(error)]).toEqual(['InvalidAnswer', true]);
  });

  it.each([
    ['MANIFEST_UNKNOWN', '{"errors":[{"code":"MANIFEST_UNKNOWN"}]}', 'InvalidAnswer', true],
    ['NAME_UNKNOWN', '{"errors":[{"code":"NAME_UNKNOWN"}]}', 'NotFound', false],
    ['no code of a registry', '<h1>404</h1>', 'ServerError', false],
  ])('a 404 with %s counts by who says it (A8)', async (_name, body, code, isContent) => {
    const registry = await start((_request, response) => answer(response, 404, body));
    const image = imageAt(registry, SUBJECT.digest);
    const error = await failureOf(fetchSignature(clientOf(), image, SUBJECT, entry(1), signal()));
    expect([error.code, isContentFault(error)]).toEqual([code, isContent]);
  });

  it('a manifest of another size than was listed is refused, as a fault of this one signature (A6, A8; faults.md 25)', async () => {
    const body = JSON.stringify(good);
    const registry = await start((_request, response) => answer(response, 200, body, { 'content-type': MANIFEST }));
    const listed = { mediaType: MANIFEST, digest: digestOf(body), size: body.length + 1 };
    const image = imageAt(registry, SUBJECT.digest);
    const error = await failureOf(fetchSignature(clientOf(), image, SUBJECT, listed, signal()));
    expect([error.code, isContentFault(error)]).toEqual(['DigestMismatch', true]);
    expect(error.message).toMatch(/listed with \d+ bytes, the manifest has \d+$/);
  });

  it('a manifest that is listed with more than 4 MiB is not asked for (A6; faults.md 26)', async () => {
    const registry = await start((_request, response) => answer(response, 200, '', { 'content-type': MANIFEST }));
    const image = imageAt(registry, SUBJECT.digest);
    const listed = entry(1, { size: 5 * 1024 * 1024 });
    const error = await failureOf(fetchSignature(clientOf(), image, SUBJECT, listed, signal()));
    expect([error.code, isContentFault(error), registry.requests]).toEqual(['TooLarge', true, []]);
  });

  it('an envelope is read no further than the size it was said to have, which is 32 MiB at most (A6; faults.md 26)', async () => {
    const body = JSON.stringify(good);
    const chunk = Buffer.alloc(1024 * 1024);
    let sent = 0;
    const registry = await start((request, response) => {
      if (request.url?.includes('/blobs/') !== true) return answer(response, 200, body, { 'content-type': MANIFEST });
      const send = (): void => {
        while (!response.destroyed && response.write(chunk)) sent += 1;
        if (!response.destroyed) response.once('drain', send);
      };
      send();
    });
    const listed = { mediaType: MANIFEST, digest: digestOf(body), size: body.length };
    const image = imageAt(registry, SUBJECT.digest);
    const error = await failureOf(fetchSignature(clientOf(), image, SUBJECT, listed, signal()));
    expect([error.code, isContentFault(error)]).toEqual(['DigestMismatch', true]);
    expect(sent).toBeLessThan(64);
  });

  it('content under a Content-Encoding is refused, not unpacked, and is no fault of the content (faults.md 26)', async () => {
    const registry = await start((_request, response) =>
      answer(response, 200, JSON.stringify(good), { 'content-type': MANIFEST, 'content-encoding': 'gzip' }),
    );
    const image = imageAt(registry, SUBJECT.digest);
    const error = await failureOf(fetchSignature(clientOf(), image, SUBJECT, entry(1), signal()));
    expect([error.code, isContentFault(error)]).toEqual(['ServerError', false]);
  });
});

it('an answer that is no manifest is no image: a login page, say', async () => {
  const registry = await start((_request, response) =>
    answer(response, 200, '<html>', { 'content-type': 'text/html' }),
  );
  expect((await failureOf(clientOf().resolve(imageAt(registry), signal()))).code).toBe('InvalidAnswer');
});
