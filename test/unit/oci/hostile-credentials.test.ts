import { describe, expect, it } from 'vitest';
import { type Credentials, chainCredentials, dockerConfigCredentials, type OciError } from '../../../src/oci/index.ts';
import { clientOf, failureOf, imageAt, MANIFEST, signal, start } from './wire-client.ts';
import { answer } from './wire-registry.ts';

const GOOD: Credentials = { kind: 'basic', username: 'u', password: 'p' };
const give = (credentials: Credentials) => ({ credentialsFor: async () => credentials });

describe('credentials that nobody can send', () => {
  it.each([
    ['registrytoken', { registrytoken: 'a\nb' }],
    ['registrytoken', { registrytoken: 'geheimnis–' }],
  ])('are refused where the config is read, without being quoted: %s %j', (field, entry) => {
    const read = (): unknown => dockerConfigCredentials(JSON.stringify({ auths: { 'r.example': entry } }));
    expect(read).toThrow(new RegExp(`auths\\["r\\.example"\\]\\.${field}: expected printable ASCII`));
    expect(read).not.toThrow(new RegExp(entry.registrytoken.slice(0, 8).replace('\n', '\\n')));
  });
});

describe('credentials that a registry refuses in other words', () => {
  /** ECR answers 400 to a password that it never gave. */
  it('with 400 and a code of refusal: the next ones are tried', async () => {
    const registry = await start(({ headers }, response) => {
      if (headers.authorization === undefined)
        return answer(response, 401, '', { 'www-authenticate': 'Basic realm="r"' });
      return headers.authorization === `Basic ${btoa('u:p')}`
        ? answer(response, 200, '{}', { 'content-type': MANIFEST })
        : answer(response, 400, '{"errors":[{"code":"DENIED","message":"Your Authorization Token is invalid."}]}');
    });
    const wrong = give({ kind: 'basic', username: 'AWS', password: 'garbage' });
    const client = clientOf({ credentials: chainCredentials(wrong, give(GOOD)) });
    expect((await client.getManifest(imageAt(registry), signal())).bytes.toString()).toBe('{}');
    const alone = clientOf({ credentials: wrong });
    expect((await failureOf(alone.getManifest(imageAt(registry), signal()))).code).toBe('Denied');
  });

  it('with 400 for another reason: that is no matter of the credentials', async () => {
    const registry = await start(({ headers }, response) =>
      headers.authorization === undefined
        ? answer(response, 401, '', { 'www-authenticate': 'Basic realm="r"' })
        : answer(response, 400, '{"errors":[{"code":"NAME_INVALID"}]}'),
    );
    const client = clientOf({ credentials: chainCredentials(give(GOOD), give({ ...GOOD, username: 'second' })) });
    expect((await failureOf(client.getManifest(imageAt(registry), signal()))).status).toBe(400);
    expect(registry.requests).toHaveLength(2);
  });
});

describe('a registry that sends credentials back in its errors', () => {
  const SECRET = 'p4ss/w0rd-that-is+long';
  const texts = (error: OciError): string => {
    const causes: string[] = [];
    for (let at: unknown = error; at instanceof Error; at = at.cause) causes.push(at.message);
    return causes.join('\n');
  };
  const body = (text: string): string => JSON.stringify({ errors: [{ code: 'DENIED', message: text }] });

  it.each([401, 403, 404, 429, 500])('has them cut out of what is told: %d', async (status) => {
    const registry = await start(({ headers }, response) => {
      const { authorization = '' } = headers;
      if (authorization === '') return answer(response, 401, '', { 'www-authenticate': 'Basic realm="r"' });
      const [, sent = ''] = authorization.split(' ');
      answer(response, status, body(`got ${authorization}, which is ${Buffer.from(sent, 'base64')}`));
    });
    const client = clientOf({ credentials: give({ kind: 'basic', username: 'u', password: SECRET }) });
    const told = texts(await failureOf(client.getManifest(imageAt(registry), signal())));
    expect(told).toContain('got Basic [secret], which is u:[secret]');
    expect(told).not.toContain(SECRET);
    expect(told).not.toContain(btoa(`u:${SECRET}`));
  });

  it('also where the text is cut in the middle of one', async () => {
    const registry = await start(({ headers }, response) =>
      headers.authorization === undefined
        ? answer(response, 401, '', { 'www-authenticate': 'Basic realm="r"' })
        : answer(response, 403, body(`${'x'.repeat(190)}${SECRET}`)),
    );
    const client = clientOf({ credentials: give({ kind: 'basic', username: 'u', password: SECRET }) });
    expect(texts(await failureOf(client.getManifest(imageAt(registry), signal())))).not.toContain(SECRET.slice(0, 5));
  });

  it('and so does its token service: a password, an identity token, a bearer token', async () => {
    const registry = await start(({ url = '', headers }, response, form) => {
      const realm = `http://${headers.host}/token`;
      if (url.startsWith('/token'))
        return answer(response, 403, body(`got ${headers.authorization} and ${new URLSearchParams(form.toString())}`));
      if (headers.authorization === undefined)
        return answer(response, 401, '', { 'www-authenticate': `Bearer realm="${realm}",service="s"` });
      answer(response, 403, body(`got ${headers.authorization}`));
    });
    for (const credentials of [
      { kind: 'basic', username: 'u', password: SECRET },
      { kind: 'identity', token: SECRET },
      { kind: 'bearer', token: SECRET },
    ] as const) {
      const client = clientOf({ credentials: give(credentials) });
      const told = texts(await failureOf(client.getManifest(imageAt(registry), signal())));
      expect(told).toContain('[secret]');
      for (const form of [SECRET, encodeURIComponent(SECRET), btoa(`u:${SECRET}`)]) expect(told).not.toContain(form);
    }
  });
});
