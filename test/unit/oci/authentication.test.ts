import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import {
  type CredentialProvider,
  type Credentials,
  chainCredentials,
  OciError,
  RegistryMemory,
} from '../../../src/oci/index.ts';
import { clientOf, failureOf, imageAt, MANIFEST, signal, start } from './wire-client.ts';
import { answer, type WireRegistry } from './wire-registry.ts';

const basic = (username: string): Credentials => ({ kind: 'basic', username, password: 'p' });
const header = (username: string): string => `Basic ${btoa(`${username}:p`)}`;
/** Gives these, one after another. */
const provider = (...candidates: readonly (Credentials | OciError)[]): CredentialProvider =>
  chainCredentials(
    ...candidates.map(
      (candidate): CredentialProvider => ({
        credentialsFor: async () => {
          if (candidate instanceof OciError) throw candidate;
          return candidate;
        },
      }),
    ),
  );
const ok = '{}';
const headers = { 'content-type': MANIFEST };

/** A registry that takes the tokens which its own service gives: one for each request that `grant` lets through. */
async function tokenRegistry(
  grant: (request: IncomingMessage, body: string, count: number) => object | number,
): Promise<WireRegistry & { readonly valid: Set<string>; readonly tokenRequests: () => readonly string[] }> {
  const valid = new Set<string>();
  let count = 0;
  const registry = await start((request, response, body) => {
    if (request.url?.startsWith('/token') === true) {
      count += 1;
      const granted = grant(request, body.toString(), count);
      if (typeof granted === 'number') return answer(response, granted);
      valid.add(`Bearer t${count}`);
      return answer(response, 200, JSON.stringify({ token: `t${count}`, ...granted }));
    }
    if (valid.has(request.headers.authorization ?? '')) return answer(response, 200, ok, headers);
    const challenge = `Bearer realm="http://${request.headers.host}/token",service="s"`;
    return answer(response, 401, '', { 'www-authenticate': challenge });
  });
  const tokenRequests = (): readonly string[] => registry.requests.filter((request) => request.includes('/token'));
  return Object.assign(registry, { valid, tokenRequests });
}

describe('several credentials', () => {
  const taking = (username: string): Promise<WireRegistry> =>
    start((request, response) =>
      request.headers.authorization === header(username)
        ? answer(response, 200, ok, headers)
        : answer(response, 401, '', { 'www-authenticate': 'Basic realm="r"' }),
    );

  it('are tried in their order until the registry takes some, and those serve from then on', async () => {
    const registry = await taking('c');
    const client = clientOf({ credentials: provider(basic('a'), basic('b'), basic('c'), basic('d')) });
    await client.resolve(imageAt(registry), signal());
    expect(registry.requests).toHaveLength(4);
    await client.resolve(imageAt(registry), signal());
    expect(registry.requests).toHaveLength(5);
  });

  it('also where the registry knows them, but denies them this', async () => {
    const registry = await start((request, response) => {
      const { authorization } = request.headers;
      if (authorization === undefined) answer(response, 401, '', { 'www-authenticate': 'Basic realm="r"' });
      else if (authorization === header('b')) answer(response, 200, ok, headers);
      else answer(response, 403);
    });
    await clientOf({ credentials: provider(basic('a'), basic('b')) }).resolve(imageAt(registry), signal());
    expect(registry.requests).toHaveLength(3);
  });

  it('are looked for again when those that served are refused', async () => {
    let taken = 'old';
    const registry = await start((request, response) =>
      request.headers.authorization === header(taken)
        ? answer(response, 200, ok, headers)
        : answer(response, 401, '', { 'www-authenticate': 'Basic realm="r"' }),
    );
    const rotating: CredentialProvider = { credentialsFor: async () => basic(taken) };
    const client = clientOf({ credentials: rotating });
    await client.resolve(imageAt(registry), signal());
    taken = 'new';
    await client.resolve(imageAt(registry), signal());
    expect(registry.requests).toHaveLength(4);
  });

  it('are bounded, and the fault of the first is told', async () => {
    let served = 0;
    const registry = await start((request, response) => {
      served += request.headers.authorization === undefined ? 0 : 1;
      const first = request.headers.authorization === header('0');
      const body = JSON.stringify({ errors: [{ code: 'UNAUTHORIZED', message: first ? 'the first' : 'another' }] });
      answer(response, 401, body, { 'www-authenticate': 'Basic realm="r"' });
    });
    const many = Array.from({ length: 40 }, (_, i) => basic(String(i)));
    const error = await failureOf(clientOf({ credentials: provider(...many) }).resolve(imageAt(registry), signal()));
    expect([error.code, served]).toEqual(['Unauthorized', 16]);
    expect(error.message).toContain('the first');
  });

  it('a provider that fails does not keep the next from being asked; its fault is told when none serves', async () => {
    const broken = new OciError('Unauthorized', 'the helper is not there');
    const registry = await taking('b');
    await clientOf({ credentials: provider(broken, basic('b')) }).resolve(imageAt(registry), signal());
    const error = await failureOf(clientOf({ credentials: provider(broken) }).resolve(imageAt(registry), signal()));
    expect(error).toBe(broken);
  });

  it('none: the registry is asked anonymously, with a token too; and what it wants is said', async () => {
    const tokens = await tokenRegistry((request) => (request.headers.authorization === undefined ? {} : 401));
    await clientOf().resolve(imageAt(tokens), signal());
    // Nor do stale ones keep a public image from being read.
    await clientOf({ credentials: provider(basic('stale')) }).resolve(imageAt(tokens), signal());
    const error = await failureOf(clientOf().resolve(imageAt(await taking('x')), signal()));
    expect(error.message).toContain('the registry asks for credentials (401), and there are none for it');
  });
});

describe('tokens', () => {
  it.each([
    ['as long as expires_in says', () => ({ expires_in: 300 }), 1],
    ['60 s where nothing is said', () => ({}), 1],
    ['not at all where they are over at once', () => ({ expires_in: 0 }), 3],
    ['until expires_in after issued_at', () => ({ expires_in: 300, issued_at: new Date(Date.now() - 297_000) }), 3],
    ['by their length where issued_at is of another clock', () => ({ expires_in: 300, issued_at: new Date(0) }), 1],
    [
      'by their length where issued_at lies ahead',
      () => ({ expires_in: 300, issued_at: new Date(Date.now() + 9e8) }),
      1,
    ],
  ])('are kept %s', async (_name, granted, requests) => {
    const registry = await tokenRegistry(granted);
    const client = clientOf();
    for (const _ of [1, 2, 3]) await client.resolve(imageAt(registry), signal());
    expect(registry.tokenRequests()).toHaveLength(requests);
  });

  it('are fetched once for all who wait for the same, and once again when they are revoked (faults.md 23)', async () => {
    const registry = await tokenRegistry(() => ({ expires_in: 300 }));
    const client = clientOf();
    const all = (): Promise<unknown> =>
      Promise.all(Array.from({ length: 6 }, () => client.resolve(imageAt(registry), signal())));
    await all();
    expect(registry.tokenRequests()).toHaveLength(1);
    registry.valid.clear();
    await all();
    expect(registry.tokenRequests()).toHaveLength(2);
  });

  it('refused again after one refresh end the matter (faults.md 23)', async () => {
    const registry = await tokenRegistry(() => ({}));
    const client = clientOf({ credentials: provider(basic('a')) });
    await client.resolve(imageAt(registry), signal());
    registry.valid.clear();
    registry.valid.add = () => registry.valid;
    const before = registry.tokenRequests().length;
    expect((await failureOf(client.resolve(imageAt(registry), signal()))).code).toBe('Unauthorized');
    const asked = registry.tokenRequests().slice(before);
    // One refresh, then the credentials are looked for anew, and anonymously at last.
    expect(asked.filter((request) => request.endsWith('(auth)')).length).toBeLessThanOrEqual(2);
    expect(asked).toHaveLength(3);
  });

  it('are of their credentials: nobody else gets them, whatever is shared', async () => {
    const registry = await tokenRegistry(() => ({ expires_in: 300 }));
    const memory = new RegistryMemory();
    const read = (credentials: CredentialProvider): Promise<unknown> =>
      clientOf({ credentials, memory }).resolve(imageAt(registry), signal());
    await read(provider(basic('a')));
    await read(provider(basic('a')));
    expect(registry.tokenRequests()).toHaveLength(1);
    await read(provider(basic('b')));
    await read(provider());
    expect(registry.tokenRequests()).toHaveLength(3);
  });

  it('are of their scope: reading and writing ask for one each', async () => {
    const registry = await tokenRegistry(() => ({ expires_in: 300 }));
    const client = clientOf();
    await client.resolve(imageAt(registry), signal());
    await failureOf(client.deleteManifest(imageAt(registry), 'v1', signal())).catch(() => undefined);
    expect(registry.tokenRequests()).toEqual([
      'GET /token?service=s&scope=repository%3Ateam%2Fapp%3Apull',
      'GET /token?service=s&scope=repository%3Ateam%2Fapp%3Apull%2Cpush%2Cdelete',
    ]);
  });

  it('are asked for with an identity token in the body of a POST, never in the address', async () => {
    const seen: string[] = [];
    const registry = await tokenRegistry((request, body) => {
      seen.push(`${request.method} ${request.url} ${request.headers['content-type']} ${body}`);
      return { token: undefined, access_token: 't1' };
    });
    const credentials = provider({ kind: 'identity', token: 'i+1' });
    await clientOf({ credentials }).resolve(imageAt(registry), signal());
    expect(seen).toEqual([
      'POST /token application/x-www-form-urlencoded grant_type=refresh_token&service=s&client_id=sealwatch&scope=repository%3Ateam%2Fapp%3Apull&refresh_token=i%2B1',
    ]);
  });

  it.each([400, 401])('an identity token that is refused with %i is a matter of credentials', async (status) => {
    const registry = await tokenRegistry(() => status);
    const credentials = provider({ kind: 'identity', token: 'secret-i' });
    const error = await failureOf(clientOf({ credentials }).resolve(imageAt(registry), signal()));
    expect(error.code).toBe('Unauthorized');
    expect(error.message).not.toContain('secret-i');
  });

  it('an identity token is not sent to a registry that asks for a password, and it is said why', async () => {
    const registry = await start((_request, response) =>
      answer(response, 401, '', { 'www-authenticate': 'Basic realm="r"' }),
    );
    const credentials = provider({ kind: 'identity', token: 'i' });
    const error = await failureOf(clientOf({ credentials }).resolve(imageAt(registry), signal()));
    expect(error.message).toContain('asks for a user name and a password, and the credentials are an identity token');
    expect(registry.requests).toHaveLength(1);
  });

  it('are asked for over plain HTTP only where registry and token service are both listed for it', async () => {
    const tokens = await start((_request, response) => answer(response, 200, '{"token":"t"}'));
    const registry = await start((_request, response) =>
      answer(response, 401, '', { 'www-authenticate': `Bearer realm="http://${tokens.host}/token"` }),
    );
    const client = clientOf({ credentials: provider(basic('a')), hosts: [registry.host] });
    expect((await failureOf(client.resolve(imageAt(registry), signal()))).code).toBe('PlainHTTPRefused');
    expect(tokens.requests).toEqual([]);
  });

  it('do not follow a token service that redirects', async () => {
    const elsewhere = await start((_request, response) => answer(response, 200, '{"token":"t"}'));
    const registry = await start((request, response) =>
      request.url?.startsWith('/token') === true
        ? answer(response, 307, '', { location: `http://${elsewhere.host}/token` })
        : answer(response, 401, '', { 'www-authenticate': `Bearer realm="http://${request.headers.host}/token"` }),
    );
    await failureOf(clientOf({ credentials: provider(basic('a')) }).resolve(imageAt(registry), signal()));
    expect(elsewhere.requests).toEqual([]);
  });
});
