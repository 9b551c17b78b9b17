import { randomBytes } from 'node:crypto';
import type { Caller, HttpRequest } from './sigv4.ts';
import { WireError } from './wire-error.ts';

const TARGET = 'AmazonEC2ContainerRegistry_V20150921.';
const TOKEN_LIFETIME_MS = 12 * 60 * 60_000;

/** The operation of ECR that a request asks for (JSON 1.1). */
export function ecrOperation(request: HttpRequest): string | undefined {
  const target = request.headers['x-amz-target'];
  return typeof target === 'string' && target.startsWith(TARGET) ? target.slice(TARGET.length) : undefined;
}

/** ECR's authorization tokens. */
export class EcrApi {
  readonly #now: () => Date;
  readonly #tokens = new Map<string, Date>();

  constructor(now: () => Date) {
    this.#now = now;
  }

  run(operation: string, caller: Caller): unknown {
    if (operation !== 'GetAuthorizationToken') {
      throw new WireError(400, 'UnknownOperationException', `The emulator has no ECR operation ${operation}`);
    }
    const { accountId } = caller.principal;
    const expiresAt = new Date(this.#now().getTime() + TOKEN_LIFETIME_MS);
    const token = randomBytes(48).toString('base64url');
    this.#tokens.set(token, expiresAt);
    return {
      authorizationData: [
        {
          authorizationToken: Buffer.from(`AWS:${token}`).toString('base64'),
          expiresAt: expiresAt.getTime() / 1000,
          proxyEndpoint: `https://${accountId}.dkr.ecr.${caller.region}.amazonaws.com`,
        },
      ],
    };
  }

  /** Whether a password was given out here, and is still valid. */
  isValid(token: string): boolean {
    const expiresAt = this.#tokens.get(token);
    return expiresAt !== undefined && expiresAt > this.#now();
  }
}
