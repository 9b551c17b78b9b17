import { randomBytes } from 'node:crypto';
import { createServer, request as forward, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { startSocketSet } from '../socket-set.ts';
import type { AwsEmulator } from './emulator.ts';
import type { Principal } from './identities.ts';
import { partitionOf } from './signer-state.ts';
import { WireError } from './wire-error.ts';

/** What a registry was asked for, and by whom. */
export interface RegistryAccessRecord {
  readonly host: string;
  /** Of IAM, e.g. `ecr:PutImage`; `token` for a bearer token of ECR Public. */
  readonly action: string;
  /** Undefined: anonymous. */
  readonly principalArn?: string;
  readonly status: number;
}

export interface EcrFront {
  /** `127.0.0.1:port`, plain HTTP: a TLS front stands before it. */
  readonly host: string;
  readonly records: readonly RegistryAccessRecord[];
  readonly stop: () => Promise<void>;
}

const PRIVATE = /^(\d{12})\.dkr[.-]ecr(?:-fips)?\.([a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|on\.aws)$/;
const PUBLIC = 'public.ecr.aws';

class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  readonly challenge: string | undefined;
  constructor(status: number, code: string, message: string, challenge?: string) {
    super(message);
    this.status = status;
    this.code = code;
    this.challenge = challenge;
  }
}

/**
 * The registries of ECR before a real registry: they check tokens and rights as ECR does, and pass the rest on.
 * Private ones take `AWS:<token>` by basic authentication, answer 401 with a challenge to who has none and 403 to a
 * token that is over; ECR Public gives bearer tokens, to anyone for pulling.
 * @param registry `host:port` of the real one, plain HTTP
 */
export async function startEcrFront(aws: AwsEmulator, registry: string): Promise<EcrFront> {
  const records: RegistryAccessRecord[] = [];
  const bearers = new Map<string, Principal | 'anonymous'>();
  const [upstreamHost = '', upstreamPort = ''] = registry.split(':');

  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const host = String(request.headers.host ?? '');
    let principal: Principal | undefined;
    let action = '';
    const record = (status: number): void => {
      records.push({ host, action, status, ...(principal === undefined ? {} : { principalArn: principal.arn }) });
    };
    try {
      if (host === PUBLIC && request.url?.startsWith('/token/') === true) {
        action = 'token';
        principal = publicPrincipal(request, aws);
        const token = randomBytes(24).toString('base64url');
        bearers.set(token, principal ?? 'anonymous');
        record(200);
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ token }));
        return;
      }
      const { actions, repository } = actionsOf(request);
      action = actions.join(',');
      if (host === PUBLIC) {
        principal = bearerOf(request, bearers);
        if (request.method !== 'GET' && request.method !== 'HEAD') {
          if (principal === undefined) throw new Refusal(403, 'DENIED', 'Not Authorized');
          // Behind the alias of a public registry is its account; here it is whoever pushes.
          const [, ...name] = repository.split('/');
          const resource = `arn:aws:ecr-public::${principal.accountId}:repository/${name.join('/')}`;
          aws.identities.authorize(
            principal,
            actions.map((one) => ({ action: one.replace('ecr:', 'ecr-public:'), resource })),
          );
        }
      } else {
        const [, account = '', region = ''] = PRIVATE.exec(host) ?? [];
        if (account === '') throw new Refusal(404, 'NAME_UNKNOWN', `The emulator has no registry ${host}`);
        principal = basicOf(request, aws, host, region);
        const resource = `arn:${partitionOf(region)}:ecr:${region}:${account}:repository/${repository}`;
        aws.identities.authorize(
          principal,
          actions.map((one) => ({ action: one, resource })),
        );
      }
    } catch (error) {
      const refusal =
        error instanceof WireError ? new Refusal(403, 'DENIED', error.message) : error instanceof Refusal && error;
      if (refusal === false) throw error;
      record(refusal.status);
      response.writeHead(refusal.status, {
        'content-type': 'application/json',
        ...(refusal.challenge === undefined ? {} : { 'www-authenticate': refusal.challenge }),
      });
      response.end(JSON.stringify({ errors: [{ code: refusal.code, message: refusal.message }] }));
      request.resume();
      return;
    }
    const { authorization: _secret, ...headers } = request.headers;
    const upstream = forward(
      {
        host: upstreamHost,
        port: upstreamPort,
        method: request.method,
        path: request.url,
        headers: { ...headers, 'x-forwarded-proto': 'https' },
      },
      (from) => {
        record(from.statusCode ?? 502);
        response.writeHead(from.statusCode ?? 502, from.headers);
        from.pipe(response);
      },
    );
    upstream.on('error', () => response.destroy());
    request.pipe(upstream);
  };
  const server = createServer(answer);
  const sockets = startSocketSet(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { host: `127.0.0.1:${port}`, records, stop: () => sockets.close() };
}

function basicOf(request: IncomingMessage, aws: AwsEmulator, host: string, region: string): Principal {
  const password = passwordOf(request);
  if (password === undefined) {
    const challenge = `Basic realm="https://${host}/",service="ecr.amazonaws.com"`;
    throw new Refusal(401, 'UNAUTHORIZED', 'Not Authorized', challenge);
  }
  const token = aws.findEcrToken(password);
  if (token === 'expired')
    throw new Refusal(403, 'DENIED', 'Your authorization token has expired. Reauthenticate and try again.');
  if (token === undefined || token.service !== 'ecr' || token.region !== region)
    throw new Refusal(400, 'DENIED', 'Your Authorization Token is invalid.');
  return token.principal;
}

function publicPrincipal(request: IncomingMessage, aws: AwsEmulator): Principal | undefined {
  const password = passwordOf(request);
  if (password === undefined) return undefined;
  const token = aws.findEcrToken(password);
  if (typeof token !== 'object' || token.service !== 'ecr-public')
    throw new Refusal(403, 'DENIED', 'Your authorization token has expired. Reauthenticate and try again.');
  return token.principal;
}

function bearerOf(
  request: IncomingMessage,
  bearers: ReadonlyMap<string, Principal | 'anonymous'>,
): Principal | undefined {
  const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
  const principal = bearers.get(token);
  if (principal === undefined) {
    const challenge = `Bearer realm="https://${PUBLIC}/token/",service="${PUBLIC}",scope="aws"`;
    throw new Refusal(401, 'UNAUTHORIZED', 'Not Authorized', challenge);
  }
  return principal === 'anonymous' ? undefined : principal;
}

/** Of `AWS:<password>`. */
function passwordOf(request: IncomingMessage): string | undefined {
  const encoded = /^Basic (.+)$/.exec(request.headers.authorization ?? '')?.[1];
  if (encoded === undefined) return undefined;
  const [user, ...password] = Buffer.from(encoded, 'base64').toString('utf8').split(':');
  return user === 'AWS' ? password.join(':') : '';
}

/** The rights that ECR asks for, by what is done at the registry. */
function actionsOf(request: IncomingMessage): { readonly actions: readonly string[]; readonly repository: string } {
  const { method = 'GET', url = '/' } = request;
  const path = url.split('?', 1)[0] ?? '';
  const [, repository = '', kind = '', rest = ''] =
    /^\/v2\/(.+?)\/(manifests|blobs|referrers|tags)\/(.*)$/.exec(path) ?? [];
  const read = method === 'GET' || method === 'HEAD';
  const actions = ((): readonly string[] => {
    switch (kind) {
      case 'manifests':
        if (read) return ['ecr:BatchGetImage'];
        return method === 'PUT' ? ['ecr:PutImage'] : ['ecr:BatchDeleteImage'];
      case 'referrers':
        return ['ecr:ListImageReferrers'];
      case 'tags':
        return ['ecr:ListImages'];
      case 'blobs':
        if (!rest.startsWith('uploads'))
          return [method === 'HEAD' ? 'ecr:BatchCheckLayerAvailability' : 'ecr:GetDownloadUrlForLayer'];
        if (method === 'POST') return ['ecr:InitiateLayerUpload'];
        return method === 'PATCH' ? ['ecr:UploadLayerPart'] : ['ecr:UploadLayerPart', 'ecr:CompleteLayerUpload'];
      default:
        return [];
    }
  })();
  return { actions, repository };
}
