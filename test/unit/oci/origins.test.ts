import { describe, expect, it } from 'vitest';
import { isContentFault, listSignatures } from '../../../src/oci/index.ts';
import { BASIC, clientOf, digestOf, failureOf, INDEX, imageAt, SUBJECT, signal, start } from './wire-client.ts';
import { answer, type WireRegistry } from './wire-registry.ts';

const CONTENT = 'envelope';
const BLOB = { mediaType: 'application/jose+json', digest: digestOf(CONTENT), size: CONTENT.length };

describe('credentials stay with their registry (faults.md 29)', () => {
  it.each(['Basic realm="r"', 'Bearer realm="http://TOKENS/token"'])(
    'also when the host that a blob is redirected to asks for them: %s',
    async (challenge) => {
      const tokens = await start((_request, response) => answer(response, 200, '{"token":"t"}'));
      const elsewhere = await start((_request, response) =>
        answer(response, 401, '', { 'www-authenticate': challenge.replace('TOKENS', tokens.host) }),
      );
      const registry = await start((request, response) =>
        request.headers.authorization === undefined
          ? answer(response, 401, '', { 'www-authenticate': 'Basic realm="r"' })
          : answer(response, 307, '', { location: `http://${elsewhere.host}/storage` }),
      );
      const client = clientOf({ credentials: BASIC });
      const error = await failureOf(client.fetchBlob(imageAt(registry), BLOB, 1_000, signal()));
      expect([error.code, isContentFault(error)]).toEqual(['Unauthorized', false]);
      expect(elsewhere.requests).toEqual(['GET /storage']);
      expect(tokens.requests).toEqual([]);
      // Nor is the foreign challenge remembered as the registry's.
      await failureOf(client.fetchBlob(imageAt(registry), BLOB, 1_000, signal()));
      expect(tokens.requests).toEqual([]);
    },
  );

  it('and do not come along when a foreign host redirects back', async () => {
    const elsewhere: WireRegistry = await start((_request, response) =>
      answer(response, 307, '', { location: `http://${registry.host}/v2/private/secret` }),
    );
    const registry = await start((request, response) => {
      if (request.url === '/v2/private/secret') answer(response, 200, CONTENT);
      else if (request.headers.authorization === undefined)
        answer(response, 401, '', { 'www-authenticate': 'Basic realm="r"' });
      else answer(response, 307, '', { location: `http://${elsewhere.host}/bounce` });
    });
    await clientOf({ credentials: BASIC }).fetchBlob(imageAt(registry), BLOB, 1_000, signal());
    expect(registry.requests.at(-1)).toBe('GET /v2/private/secret');
  });

  it('and go along with a redirect within the registry', async () => {
    const registry = await start((request, response) => {
      if (request.headers.authorization === undefined)
        answer(response, 401, '', { 'www-authenticate': 'Basic realm="r"' });
      else if (request.url === '/moved') answer(response, 200, CONTENT);
      else answer(response, 302, '', { location: '/moved' });
    });
    await clientOf({ credentials: BASIC }).fetchBlob(imageAt(registry), BLOB, 1_000, signal());
    expect(registry.requests.at(-1)).toBe('GET /moved (auth)');
  });

  it('and go to no place of tokens over plain HTTP, unless its host is listed for that', async () => {
    const tokens = await start((_request, response) => answer(response, 200, '{"token":"t"}'));
    const registry = await start((_request, response) =>
      answer(response, 401, '', { 'www-authenticate': `Bearer realm="http://${tokens.host}/token"` }),
    );
    const client = clientOf({ credentials: BASIC, hosts: [registry.host] });
    const error = await failureOf(client.fetchBlob(imageAt(registry), BLOB, 1_000, signal()));
    expect(error.code).toBe('PlainHTTPRefused');
    expect(tokens.requests).toEqual([]);
  });

  it('and a redirect to a host that is not listed for plain HTTP is refused', async () => {
    const elsewhere = await start((_request, response) => answer(response, 200, CONTENT));
    const registry = await start((_request, response) =>
      answer(response, 307, '', { location: `http://${elsewhere.host}/storage` }),
    );
    const client = clientOf({ hosts: [registry.host] });
    const error = await failureOf(client.fetchBlob(imageAt(registry), BLOB, 1_000, signal()));
    expect(error.code).toBe('PlainHTTPRefused');
    expect(error.message).toContain('--plain-http-hosts');
    expect(elsewhere.requests).toEqual([]);
  });
});

it('a page whose path looks like another host stays with the registry (notary.md A4)', async () => {
  const elsewhere = await start((_request, response) => answer(response, 200));
  const registry = await start((request, response) => {
    const first = request.url?.includes('/referrers/') === true;
    const link = { link: `<http://${request.headers.host}//${elsewhere.host}/next>; rel="next"` };
    answer(response, 200, '{"manifests":[]}', { 'content-type': INDEX, ...(first ? link : {}) });
  });
  const image = imageAt(registry, SUBJECT.digest);
  await listSignatures(clientOf(), image, SUBJECT, { max: 10 }, signal());
  expect(elsewhere.requests).toEqual([]);
  expect(registry.requests.at(-1)).toBe(`GET //${elsewhere.host}/next`);
});

describe('what the way to the content gets wrong is no fault of the content', () => {
  it.each([
    ['no JSON', 'oops'],
    ['no token', '{}'],
    ['a token that is no header', '{"token":"a\\r\\nb"}'],
    ['an endless answer', 'x'.repeat(100_000)],
  ])('a token endpoint that gives %s', async (_name, body) => {
    const registry = await start((request, response) =>
      request.url?.startsWith('/token') === true
        ? answer(response, 200, body)
        : answer(response, 401, '', { 'www-authenticate': `Bearer realm="http://${request.headers.host}/token"` }),
    );
    const error = await failureOf(clientOf().fetchBlob(imageAt(registry), BLOB, 1_000, signal()));
    expect([error.code, isContentFault(error)]).toEqual(['ServerError', false]);
    expect(error.message).not.toMatch(/oops|\r/);
  });

  it('a redirect to no address', async () => {
    const registry = await start((_request, response) => answer(response, 307, '', { location: 'http://[' }));
    const error = await failureOf(clientOf().fetchBlob(imageAt(registry), BLOB, 1_000, signal()));
    expect([error.code, isContentFault(error)]).toEqual(['ServerError', false]);
  });
});
