import { randomBytes } from 'node:crypto';
import type { Principal } from './identities.ts';
import type { Caller, HttpRequest } from './sigv4.ts';
import { WireError } from './wire-error.ts';

const TARGETS = { ecr: 'AmazonEC2ContainerRegistry_V20150921.', 'ecr-public': 'SpencerFrontendService.' } as const;
const TOKEN_LIFETIME_MS = 12 * 60 * 60_000;

export type EcrService = keyof typeof TARGETS;

/** The operation of ECR or ECR Public that a request asks for (JSON 1.1). */
export function ecrOperation(
  request: HttpRequest,
): { readonly service: EcrService; readonly operation: string } | undefined {
  const target = request.headers['x-amz-target'];
  if (typeof target !== 'string') return undefined;
  for (const service of ['ecr', 'ecr-public'] as const) {
    const prefix = TARGETS[service];
    if (target.startsWith(prefix)) return { service, operation: target.slice(prefix.length) };
  }
  return undefined;
}

/** Whom a registry's password stands for. */
export interface RegistryToken {
  readonly service: EcrService;
  readonly principal: Principal;
  readonly region: string;
  readonly expiresAt: Date;
}

/** The authorization tokens of ECR and ECR Public. */
export class EcrApi {
  readonly #now: () => Date;
  readonly #tokens = new Map<string, RegistryToken>();

  constructor(now: () => Date) {
    this.#now = now;
  }

  run(service: EcrService, operation: string, caller: Caller): unknown {
    if (operation !== 'GetAuthorizationToken') {
      throw new WireError(400, 'UnknownOperationException', `The emulator has no ${service} operation ${operation}`);
    }
    const { principal, region } = caller;
    if (service === 'ecr-public' && region !== 'us-east-1')
      throw new WireError(400, 'UnsupportedCommandException', `ECR Public is not supported in ${region}`);
    const expiresAt = new Date(this.#now().getTime() + TOKEN_LIFETIME_MS);
    const token = randomBytes(48).toString('base64url');
    this.#tokens.set(token, { service, principal, region, expiresAt });
    const data = {
      authorizationToken: Buffer.from(`AWS:${token}`).toString('base64'),
      expiresAt: expiresAt.getTime() / 1000,
    };
    if (service === 'ecr-public') return { authorizationData: data };
    const proxyEndpoint = `https://${principal.accountId}.dkr.ecr.${region}.amazonaws.com`;
    return { authorizationData: [{ ...data, proxyEndpoint }] };
  }

  /** Whom a password was given to; `expired` for one that is over; undefined for one that was never given. */
  find(password: string): RegistryToken | 'expired' | undefined {
    const token = this.#tokens.get(password);
    if (token === undefined) return undefined;
    return token.expiresAt > this.#now() ? token : 'expired';
  }

  /** Ends every token that was given out. */
  expireAll(): void {
    for (const [password, token] of this.#tokens) this.#tokens.set(password, { ...token, expiresAt: new Date(0) });
  }
}
