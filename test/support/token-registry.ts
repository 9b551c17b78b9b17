import { randomUUID } from 'node:crypto';
import { createServer, request as forward, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWTPayload, jwtVerify, SignJWT } from 'jose';
import { type Registry, type RegistryKind, startRegistry } from './registries.ts';
import { startSocketSet } from './socket-set.ts';

const SERVICE = 'test-registry';
const ISSUER = 'test-token-service';
const KEY_ID = 'key-1';

export interface TokenRegistryOptions {
  readonly username: string;
  readonly password: string;
  /** Repositories that anybody may read. */
  readonly publicRepositories?: readonly string[];
  readonly expiresInSeconds?: number;
  /** The token service is at a host of its own; default: at the registry's. */
  readonly separate?: boolean;
}

/** Something that a token is good for. */
interface Access {
  readonly type: string;
  readonly name: string;
  readonly actions: readonly string[];
}

export interface TokenRegistry extends Registry {
  /** `host:port` of the token service. */
  readonly tokenHost: string;
  /** A refresh token of the user. */
  readonly identityToken: string;
  /** What the token service was asked, such as `GET basic repository:team/app:pull`. */
  readonly tokenRequests: readonly string[];
  /** What the registry was asked, such as `GET /v2/team/app/manifests/v1 200`. */
  readonly requests: readonly string[];
  /** A token for a repository, to be used as it is. */
  readonly issue: (repository: string, actions: readonly string[]) => Promise<string>;
  /** From now on no token that was given before is taken. */
  readonly revokeTokens: () => void;
  readonly setPassword: (password: string) => void;
}

/**
 * A real registry that takes tokens only, and its token service (distribution-spec, token and OAuth2 authentication):
 * JWTs signed with ES256. The registry without the Referrers API checks them by itself; before the other stands a proxy
 * that does. The proxy of both refuses what was revoked, which a JWT alone cannot tell.
 */
export async function startTokenRegistry(kind: RegistryKind, options: TokenRegistryOptions): Promise<TokenRegistry> {
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  const identityToken = `identity-${randomUUID()}`;
  const [tokenRequests, requests]: [string[], string[]] = [[], []];
  const valid = new Set<string>();
  const expiresIn = options.expiresInSeconds ?? 300;
  let upstream = '';
  let { password } = options;

  const sign = async (access: readonly Access[]): Promise<string> => {
    const id = randomUUID();
    valid.add(id);
    return new SignJWT({ access: [...access] })
      .setProtectedHeader({ alg: 'ES256', typ: 'JWT', kid: KEY_ID })
      .setIssuer(ISSUER)
      .setAudience(SERVICE)
      .setSubject(options.username)
      .setJti(id)
      .setNotBefore('-10s')
      .setExpirationTime(`${expiresIn}s`)
      .sign(privateKey);
  };

  const answerToken = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const form = new URLSearchParams(request.method === 'POST' ? await textOf(request) : url.search);
    const basic = `Basic ${Buffer.from(`${options.username}:${password}`).toString('base64')}`;
    const given = request.headers.authorization;
    const isIdentity = request.method === 'POST' && form.get('grant_type') === 'refresh_token';
    const how = isIdentity ? 'identity' : given === undefined ? 'anonymous' : 'basic';
    tokenRequests.push(`${request.method} ${how} ${form.get('scope') ?? ''}`.trim());
    const isUser = isIdentity ? form.get('refresh_token') === identityToken : given === basic;
    if ((how !== 'anonymous' && !isUser) || form.get('service') !== SERVICE) {
      sendError(response, isIdentity ? 400 : 401, 'UNAUTHORIZED');
      return;
    }
    const access = form.getAll('scope').flatMap((scope): Access[] => {
      const [type = '', name = '', actions = ''] = scope.split(':');
      const wanted = actions.split(',');
      if (isUser) return [{ type, name, actions: wanted }];
      const isPublic = options.publicRepositories?.includes(name) === true && wanted.includes('pull');
      return isPublic ? [{ type, name, actions: ['pull'] }] : [];
    });
    const token = await sign(access);
    const key = isIdentity ? 'access_token' : 'token';
    const body = { [key]: token, expires_in: expiresIn, issued_at: new Date().toISOString() };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };

  const check = async (request: IncomingMessage): Promise<boolean> => {
    const [scheme, token = ''] = (request.headers.authorization ?? '').split(' ');
    // Without a token the registry itself says what it wants.
    if (scheme?.toLowerCase() !== 'bearer') return kind === 'no-referrers';
    const payload = await jwtVerify(token, publicKey, { issuer: ISSUER, audience: SERVICE }).then(
      (verified) => verified.payload,
      () => undefined,
    );
    if (payload?.jti === undefined || !valid.has(payload.jti)) return false;
    return kind === 'no-referrers' || covers(payload, neededFor(request));
  };

  const front = createServer((request, response) => {
    const path = request.url ?? '/';
    const handle = async (): Promise<void> => {
      if (path.startsWith('/token')) return answerToken(request, response);
      response.once('finish', () => requests.push(`${request.method} ${path} ${response.statusCode}`));
      if (!(await check(request))) {
        const needed = neededFor(request);
        const scope = needed === undefined ? '' : `,scope="repository:${needed.name}:${needed.actions.join()}"`;
        response.setHeader('www-authenticate', `Bearer realm="${realm}",service="${SERVICE}"${scope}`);
        return sendError(response, 401, 'UNAUTHORIZED');
      }
      pass(request, response, upstream, kind === 'no-referrers');
    };
    handle().catch(() => response.destroy());
  });
  const frontSockets = startSocketSet(front);
  const host = await listen(front);
  const tokens =
    options.separate === true
      ? createServer((request, response) => front.emit('request', request, response))
      : undefined;
  const tokenSockets = tokens === undefined ? undefined : startSocketSet(tokens);
  const tokenHost = tokens === undefined ? host : await listen(tokens);
  const realm = `http://${tokenHost}/token`;
  const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: KEY_ID, alg: 'ES256', use: 'sig' }] };
  const registry = await startRegistry(
    kind,
    kind === 'no-referrers' ? { token: { realm, service: SERVICE, issuer: ISSUER, jwks } } : {},
  );
  upstream = registry.host;
  return {
    host,
    kind,
    tokenHost,
    identityToken,
    tokenRequests,
    requests,
    issue: (name, actions) => sign([{ type: 'repository', name, actions }]),
    revokeTokens: () => valid.clear(),
    setPassword: (changed) => {
      password = changed;
    },
    stop: async () => {
      await frontSockets.close();
      await tokenSockets?.close();
      await registry.stop();
    },
  };
}

/** What a request to the registry needs; undefined: only that the token is valid. */
function neededFor({ method = 'GET', url = '/' }: IncomingMessage): Access | undefined {
  const name = /^\/v2\/(.+?)\/(?:manifests|blobs|referrers|tags)\//.exec(url)?.[1];
  if (name === undefined) return undefined;
  const action = method === 'GET' || method === 'HEAD' ? 'pull' : method === 'DELETE' ? 'delete' : 'push';
  return { type: 'repository', name, actions: [action] };
}

function covers(payload: JWTPayload, needed: Access | undefined): boolean {
  if (needed === undefined) return true;
  const granted = (payload['access'] ?? []) as readonly Access[];
  return needed.actions.every((action) =>
    granted.some(({ type, name, actions }) => type === needed.type && name === needed.name && actions.includes(action)),
  );
}

function pass(request: IncomingMessage, response: ServerResponse, upstream: string, withToken: boolean): void {
  const { authorization, ...others } = request.headers;
  const headers = withToken && authorization !== undefined ? { ...others, authorization } : others;
  const [host, port] = upstream.split(':');
  const sent = forward({ host, port, method: request.method, path: request.url, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  sent.on('error', () => response.destroy());
  request.pipe(sent);
}

function sendError(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ errors: [{ code, message: 'not with these credentials' }] }));
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}
