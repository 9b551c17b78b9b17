import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Dispatcher } from 'undici';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import {
  anonymous,
  type CredentialProvider,
  fetchSignature,
  isContentFault,
  listSignatures,
  OciError,
  RegistryClient,
} from '../../../src/oci/index.ts';
import { createDispatcher } from '../../../src/transport/index.ts';
import { answer, type Handler, startWireRegistry, type WireRegistry } from './wire-registry.ts';

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const INDEX = 'application/vnd.oci.image.index.v1+json';
const NOTATION = 'application/vnd.cncf.notary.signature';
const EMPTY_CONFIG = {
  mediaType: 'application/vnd.oci.empty.v1+json',
  digest: 'sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a',
  size: 2,
};
const SUBJECT = { mediaType: MANIFEST, digest: `sha256:${'a'.repeat(64)}`, size: 400 };
const BASIC: CredentialProvider = { credentialsFor: async () => ({ kind: 'basic', username: 'u', password: 'p' }) };

const registries: WireRegistry[] = [];
afterEach(async () => {
  for (const registry of registries.splice(0)) await registry.stop();
});

async function start(handler: Handler): Promise<WireRegistry> {
  const registry = await startWireRegistry(handler);
  registries.push(registry);
  return registry;
}

function clientOf(
  options: {
    readonly credentials?: CredentialProvider;
    readonly timeoutMs?: number;
    readonly maxAttempts?: number;
    readonly hosts?: readonly string[];
    readonly dispatcher?: Dispatcher;
  } = {},
): RegistryClient {
  const { credentials = anonymous, timeoutMs = 5_000, maxAttempts = 2, hosts } = options;
  return new RegistryClient({
    dispatcher: options.dispatcher ?? createDispatcher({ allowAddresses: ['127.0.0.0/8'] }),
    credentials,
    plainHTTPHosts: (host) => hosts === undefined || hosts.includes(host),
    userAgent: 'test',
    maxAttempts,
    timeoutMs,
  });
}

const signal = (): AbortSignal => AbortSignal.timeout(15_000);
const digestOf = (body: string | Buffer): string => `sha256:${createHash('sha256').update(body).digest('hex')}`;
const imageAt = (registry: WireRegistry, digest?: string) => ({
  registry: registry.host,
  repository: 'team/app',
  ...(digest === undefined ? { tag: 'v1' } : { digest }),
});

async function failureOf(promise: Promise<unknown>): Promise<OciError> {
  const error = await promise.then(
    () => undefined,
    (caught: unknown) => caught,
  );
  expect(error).toBeInstanceOf(OciError);
  return error as OciError;
}

describe('resolving', () => {
  it('hashes what it read: digest and size are not taken from headers (A6)', async () => {
    const body = '{"schemaVersion":2}';
    const registry = await start((_request, response) =>
      answer(response, 200, body, {
        'content-type': `${MANIFEST}; charset=utf-8`,
        'docker-content-digest': `sha256:${'0'.repeat(64)}`,
      }),
    );
    expect(await clientOf().resolve(imageAt(registry), signal())).toEqual({
      mediaType: MANIFEST,
      digest: digestOf(body),
      size: body.length,
    });
  });

  it('refuses content that does not have the digest asked for (A6; faults.md 25)', async () => {
    const registry = await start((_request, response) => answer(response, 200, '{}', { 'content-type': MANIFEST }));
    const error = await failureOf(clientOf().resolve(imageAt(registry, SUBJECT.digest), signal()));
    expect(error.code).toBe('DigestMismatch');
    expect(error.message).toContain(SUBJECT.digest);
  });

  it("refuses a Content-Type that contradicts the manifest's own mediaType", async () => {
    const registry = await start((_request, response) =>
      answer(response, 200, JSON.stringify({ mediaType: INDEX }), { 'content-type': MANIFEST }),
    );
    expect((await failureOf(clientOf().resolve(imageAt(registry), signal()))).code).toBe('InvalidAnswer');
  });

  it.each([
    ['with a Content-Length', (body: Buffer) => ({ 'content-length': String(body.byteLength) })],
    ['without one', () => ({ 'transfer-encoding': 'chunked' })],
  ])('refuses a manifest over 4 MiB while reading, %s (A6; faults.md 26)', async (_name, headers) => {
    const body = Buffer.alloc(5 * 1024 * 1024, 32);
    const registry = await start((_request, response) =>
      answer(response, 200, body, { 'content-type': MANIFEST, ...headers(body) } as Record<string, string>),
    );
    expect((await failureOf(clientOf().resolve(imageAt(registry), signal()))).code).toBe('TooLarge');
  });

  it.each(['md5:d41d8cd98f00b204e9800998ecf8427e', 'sha256:short', '../../../../../api/v1/users'])(
    'refuses the digest %s, wherever it came from, and asks for nothing: it chooses neither hash nor path (A6)',
    async (digest) => {
      const registry = await start((_request, response) => answer(response, 200, '', { 'content-type': MANIFEST }));
      expect((await failureOf(clientOf().resolve(imageAt(registry, digest), signal()))).code).toBe('InvalidReference');
      expect(registry.requests).toEqual([]);
    },
  );

  it('gives up on a slow drip of bytes when the time for the whole is over (faults.md 34)', async () => {
    const registry = await start((_request, response) => {
      response.writeHead(200, { 'content-type': MANIFEST });
      const drip = setInterval(() => response.write(' '), 50);
      response.on('close', () => clearInterval(drip));
    });
    expect((await failureOf(clientOf({ timeoutMs: 400 }).resolve(imageAt(registry), signal()))).code).toBe('Timeout');
  });

  it.each([
    [401, 'Unauthorized'],
    [403, 'Denied'],
    [404, 'NotFound'],
    [429, 'RateLimited'],
    [500, 'ServerError'],
    [418, 'ServerError'],
  ] as const)('tells %i as %s', async (status, code) => {
    const registry = await start((_request, response) =>
      answer(response, status, '{"errors":[{"code":"X","message":"y\\u001b[31m"}]}'),
    );
    const error = await failureOf(clientOf({ maxAttempts: 1 }).resolve(imageAt(registry), signal()));
    expect(error).toMatchObject({ code, status, registryCode: 'X' });
    expect(error.message).toContain('team/app');
    expect(error.message).not.toContain('\u001b');
  });

  it('says what to do where the registry does not have the image', async () => {
    const registry = await start((_request, response) =>
      answer(response, 404, '{"errors":[{"code":"MANIFEST_UNKNOWN","message":"unknown"}]}'),
    );
    const { message } = await failureOf(clientOf().resolve(imageAt(registry), signal()));
    expect(message).toMatch(
      /team\/app:v1: not found \(404 MANIFEST_UNKNOWN: unknown\): push it, or correct the reference$/,
    );
  });

  it('says of a proxy that refuses which setting names it, and what it answered (faults.md 33)', async () => {
    const proxy = createServer().on('connect', (_request, socket) => {
      socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => new Promise<void>((resolve) => proxy.close(() => resolve())));
    const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const dispatcher = createDispatcher({ proxy: { http: url, https: url, none: '' } });
    const reference = { registry: 'registry.example.com', repository: 'team/app', tag: 'v1' };
    const error = await failureOf(clientOf({ dispatcher, maxAttempts: 1, hosts: [] }).resolve(reference, signal()));
    expect(error.code).toBe('Unreachable');
    expect(error.message).toContain('the proxy of HTTPS_PROXY or HTTP_PROXY answered 502');
  });

  it('tells a registry that is not there as Unreachable (faults.md 21)', async () => {
    const registry = await start(() => undefined);
    await registry.stop();
    expect((await failureOf(clientOf().resolve(imageAt(registry), signal()))).code).toBe('Unreachable');
  });

  it('tries again after 500 and a cut connection, and then succeeds', async () => {
    let count = 0;
    const registry = await start((request, response) => {
      count += 1;
      if (count === 1) answer(response, 500);
      else if (count === 2) request.socket.destroy();
      else answer(response, 200, '{}', { 'content-type': MANIFEST });
    });
    expect((await clientOf({ maxAttempts: 3 }).resolve(imageAt(registry), signal())).size).toBe(2);
  });

  it('obeys Retry-After within the time it has, and passes it on beyond (faults.md 22)', async () => {
    const registry = await start((_request, response) => answer(response, 429, '', { 'retry-after': '120' }));
    const error = await failureOf(clientOf({ maxAttempts: 5 }).resolve(imageAt(registry), signal()));
    expect(error).toMatchObject({ code: 'RateLimited', retryAfterMs: 120_000 });
    expect(registry.requests).toHaveLength(1);
  });

  it('refuses plain HTTP to a host that is not listed', async () => {
    const registry = await start((_request, response) => answer(response, 200));
    // Without the listing it speaks TLS, which this server does not.
    const error = await failureOf(clientOf({ hosts: [] }).resolve(imageAt(registry), signal()));
    expect(error.code).toBe('Unreachable');
    expect(error.message).toContain('--plain-http-hosts');
    expect(registry.requests).toEqual([]);
  });
});

describe('authentication', () => {
  it('answers a basic challenge, and then sends the credentials at once', async () => {
    const registry = await start((request, response) => {
      if (request.headers.authorization === undefined)
        answer(response, 401, '', { 'www-authenticate': 'Basic realm="r"' });
      else answer(response, 200, '{}', { 'content-type': MANIFEST });
    });
    const client = clientOf({ credentials: BASIC });
    await client.resolve(imageAt(registry), signal());
    await client.resolve(imageAt(registry), signal());
    expect(registry.requests).toEqual([
      'GET /v2/team/app/manifests/v1',
      'GET /v2/team/app/manifests/v1 (auth)',
      'GET /v2/team/app/manifests/v1 (auth)',
    ]);
  });

  it('gets one token for a scope, uses it until it ends, and fetches another once after 401 (faults.md 23)', async () => {
    let valid = 'first';
    const registry: WireRegistry = await start((request, response) => {
      if (request.url?.startsWith('/token') === true)
        return answer(response, 200, JSON.stringify({ token: valid, expires_in: 300 }));
      if (request.headers.authorization === `Bearer ${valid}`)
        return answer(response, 200, '{}', { 'content-type': MANIFEST });
      return answer(response, 401, '', {
        'www-authenticate': `Bearer realm="http://${registry.host}/token",service="s"`,
      });
    });
    const client = clientOf({ credentials: BASIC });
    await client.resolve(imageAt(registry), signal());
    await client.resolve(imageAt(registry), signal());
    valid = 'second';
    await client.resolve(imageAt(registry), signal());
    const tokens = registry.requests.filter((request) => request.includes('/token'));
    expect(tokens).toEqual(Array(2).fill('GET /token?service=s&scope=repository%3Ateam%2Fapp%3Apull (auth)'));
  });

  it('does not take refused credentials for an unsigned image, nor tries them for ever', async () => {
    const registry = await start((_request, response) =>
      answer(response, 401, '', { 'www-authenticate': 'Basic realm="r"' }),
    );
    expect((await failureOf(clientOf({ credentials: BASIC }).resolve(imageAt(registry), signal()))).code).toBe(
      'Unauthorized',
    );
    expect(registry.requests).toHaveLength(2);
  });

  it('sends no credentials to another origin that a blob is redirected to (faults.md 29)', async () => {
    const content = 'envelope';
    const elsewhere = await start((_request, response) => answer(response, 200, content));
    const registry = await start((request, response) => {
      if (request.headers.authorization === undefined)
        answer(response, 401, '', { 'www-authenticate': 'Basic realm="r"' });
      else answer(response, 307, '', { location: `http://${elsewhere.host}/storage` });
    });
    const blob = { mediaType: 'application/jose+json', digest: digestOf(content), size: content.length };
    await clientOf({ credentials: BASIC }).fetchBlob(imageAt(registry), blob, 1_000, signal());
    expect(elsewhere.requests).toEqual(['GET /storage']);
  });

  it('does not follow redirects for ever', async () => {
    const registry = await start((_request, response) => answer(response, 307, '', { location: '/again' }));
    const error = await failureOf(clientOf({ maxAttempts: 1 }).resolve(imageAt(registry), signal()));
    // Not InvalidAnswer: of a signature behind such redirects nothing is known.
    expect([error.code, isContentFault(error)]).toEqual(['ServerError', false]);
    expect(registry.requests).toHaveLength(6);
  });
});

describe('listing signatures', () => {
  const entry = (n: number, artifactType = NOTATION) => ({
    mediaType: MANIFEST,
    digest: `sha256:${String(n).padStart(64, '0')}`,
    size: 900,
    artifactType,
  });
  const index = (...manifests: readonly object[]): string =>
    JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests });
  const list = (registry: WireRegistry, max = 100) =>
    listSignatures(clientOf({ maxAttempts: 1 }), imageAt(registry, SUBJECT.digest), SUBJECT, { max }, signal());

  it('filters by artifact type where the registry did not (A4; faults.md 27)', async () => {
    const registry = await start((_request, response) =>
      answer(response, 200, index(entry(1), entry(2, 'application/spdx+json')), { 'content-type': INDEX }),
    );
    expect((await list(registry)).signatures.map(({ digest }) => digest)).toEqual([entry(1).digest]);
  });

  it('follows every page, and drops what stands twice (A4)', async () => {
    const registry = await start((request, response) => {
      const first = request.url?.includes('page=2') !== true;
      answer(response, 200, first ? index(entry(1)) : index(entry(1), entry(2)), {
        'content-type': INDEX,
        ...(first ? { link: `<${request.url}&page=2>; rel="next"` } : {}),
      });
    });
    expect((await list(registry)).signatures).toHaveLength(2);
  });

  it.each([
    ['lead in a circle', (url: string) => url],
    ['lead to another origin', () => 'http://169.254.169.254/v2/'],
  ])('is an error, not "none", when the pages %s (A4; faults.md 29)', async (_name, next) => {
    const registry = await start((request, response) =>
      answer(response, 200, index(), { 'content-type': INDEX, link: `<${next(request.url ?? '')}>; rel="next"` }),
    );
    expect((await failureOf(list(registry))).code).toBe('InvalidAnswer');
  });

  it.each([
    ['404', 404, {}],
    ['another Content-Type', 200, { 'content-type': 'text/html' }],
  ])('falls back to the tag schema on %s (A4, A5; faults.md 28)', async (_name, status, headers) => {
    const registry = await start((request, response) => {
      if (request.url?.includes('/referrers/') === true)
        answer(response, status as number, '', headers as Record<string, string>);
      else answer(response, 200, index(entry(7)), { 'content-type': INDEX });
    });
    expect((await list(registry)).signatures).toHaveLength(1);
    expect(registry.requests[1]).toBe(`GET /v2/team/app/manifests/sha256-${'a'.repeat(64)}`);
  });

  it('has none where neither the API nor the tag has any', async () => {
    const registry = await start((_request, response) =>
      answer(response, 404, '{"errors":[{"code":"MANIFEST_UNKNOWN"}]}'),
    );
    expect(await list(registry)).toEqual({ signatures: [], truncated: false });
  });

  it.each([
    [401, '', 'Unauthorized'],
    [403, '', 'Denied'],
    [500, '', 'ServerError'],
    [404, '{"errors":[{"code":"NAME_UNKNOWN"}]}', 'NotFound'],
    [200, 'not json', 'InvalidAnswer'],
    [200, '{"manifests":[{"digest":"x"}]}', 'InvalidAnswer'],
  ] as const)('an answer of %i %s is the error %s, never "unsigned" (A4)', async (status, body, code) => {
    const registry = await start((_request, response) => answer(response, status, body, { 'content-type': INDEX }));
    expect((await failureOf(list(registry))).code).toBe(code);
  });

  it('stops at the limit and says so (A7; faults.md 30)', async () => {
    const entries = Array.from({ length: 5 }, (_, n) => entry(n));
    const registry = await start((_request, response) =>
      answer(response, 200, index(...entries), { 'content-type': INDEX }),
    );
    const { signatures, truncated } = await list(registry, 3);
    expect([signatures.length, truncated]).toEqual([3, true]);
  });
});

describe('reading a signature', () => {
  const envelope = Buffer.from('{"payload":""}');
  const layer = { mediaType: 'application/jose+json', digest: digestOf(envelope), size: envelope.byteLength };
  const good = {
    schemaVersion: 2,
    mediaType: MANIFEST,
    artifactType: NOTATION,
    config: EMPTY_CONFIG,
    layers: [layer],
    subject: SUBJECT,
  };

  async function read(manifest: object, mediaType = MANIFEST, blob: Buffer = envelope): Promise<unknown> {
    const body = JSON.stringify(manifest);
    const registry = await start((request, response) =>
      request.url?.includes('/blobs/') === true
        ? answer(response, 200, blob)
        : answer(response, 200, body, { 'content-type': mediaType }),
    );
    const descriptor = { mediaType, digest: digestOf(body), size: body.length };
    return fetchSignature(clientOf(), imageAt(registry, SUBJECT.digest), SUBJECT, descriptor, signal());
  }

  const { artifactType: _type, ...untyped } = good;
  const { config: _config, layers: _layers, mediaType: _mediaType, ...bare } = good;
  it.each([
    ['the present layout (A1)', good, MANIFEST],
    ['the notary type as config (A2 b)', { ...untyped, config: { ...EMPTY_CONFIG, mediaType: NOTATION } }, MANIFEST],
    [
      'the OCI artifact manifest (A2 c)',
      { ...bare, mediaType: 'application/vnd.oci.artifact.manifest.v1+json', blobs: [layer] },
      'application/vnd.oci.artifact.manifest.v1+json',
    ],
  ])('accepts %s', async (_name, manifest, mediaType) => {
    expect(await read(manifest, mediaType)).toMatchObject({ mediaType: 'application/jose+json' });
  });

  it.each([
    ['another artifact type', { ...good, artifactType: 'application/spdx+json' }],
    [
      'a foreign config',
      { ...good, config: { ...EMPTY_CONFIG, mediaType: 'application/vnd.oci.image.config.v1+json' } },
    ],
    ['no subject', { ...good, subject: undefined }],
    ['the subject of another image', { ...good, subject: { ...SUBJECT, digest: `sha256:${'b'.repeat(64)}` } }],
    ['a subject of another size', { ...good, subject: { ...SUBJECT, size: 401 } }],
    ['a subject of another media type', { ...good, subject: { ...SUBJECT, mediaType: INDEX } }],
    ['two layers', { ...good, layers: [layer, layer] }],
    ['no layer', { ...good, layers: [] }],
    ['a layer of another type', { ...good, layers: [{ ...layer, mediaType: 'text/plain' }] }],
  ])('refuses %s, as a fault of this one signature (A2, A8)', async (_name, manifest) => {
    const error = await failureOf(read(manifest));
    expect([error.code, isContentFault(error)]).toEqual(['InvalidAnswer', true]);
  });

  it('refuses an envelope whose bytes are not the layer (A6; faults.md 25)', async () => {
    const error = await failureOf(read(good, MANIFEST, Buffer.from('{"payload":"x"}')));
    expect([error.code, isContentFault(error)]).toEqual(['DigestMismatch', true]);
  });

  it('refuses an envelope that says it has more than 32 MiB, unread (A6)', async () => {
    const error = await failureOf(read({ ...good, layers: [{ ...layer, size: 33 * 1024 * 1024 }] }));
    expect([error.code, isContentFault(error)]).toEqual(['TooLarge', true]);
  });
});
