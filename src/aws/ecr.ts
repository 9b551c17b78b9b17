import { ECRClient, GetAuthorizationTokenCommand } from '@aws-sdk/client-ecr';
import { AwsError } from './aws-error.ts';
import type { AwsOptions } from './aws-options.ts';
import { callAws } from './call.ts';
import { clientConfig } from './client-config.ts';
import { baseCredentials } from './credentials.ts';
import { parseEcrHost } from './ecr-host.ts';
import { untilAborted } from './until-aborted.ts';

/** Refreshed this long before its expiry: a token lives 12 hours. */
const REFRESH_BEFORE_MS = 30 * 60_000;
/** After a failed refresh the old token serves, and this long nobody asks again. */
const RETRY_AFTER_MS = 60_000;
/** Not used in its last minute: a pull begun with it must not end without it. */
const UNUSABLE_BEFORE_MS = 60_000;
/** Hosts are named by tenants: more regions than this are forgotten, the oldest first. */
const MAX_REGIONS = 64;

export interface EcrOptions extends AwsOptions {
  /** A role to assume for every registry, for pulls across accounts. */
  readonly assumeRoleArn?: string;
  readonly clock?: () => Date;
}

export type EcrCredentials =
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'basic'; readonly username: string; readonly password: string };

/** What a registry client asks for credentials; ready to be chained with others. */
export interface EcrCredentialProvider {
  readonly credentialsFor: (registry: string, repository: string, signal: AbortSignal) => Promise<EcrCredentials>;
}

interface Token {
  readonly credentials: EcrCredentials;
  readonly expiresAt: number;
  /** When to ask for the next one. */
  readonly refreshAt: number;
}

/**
 * Credentials for private registries of Amazon ECR (aws.md): GetAuthorizationToken in the host's region, whose token
 * is good for every registry there that the identity may use. It is cached until shortly before its expiry, with one
 * refresh in flight; while a refresh fails, the old token serves as long as it is valid (faults.md 24).
 * A host that is not of ECR gets anonymous, so that other providers can follow.
 * Rejects with AwsError, or with the signal's reason when aborted.
 */
export function ecrCredentials(options: EcrOptions = {}): EcrCredentialProvider {
  const base = baseCredentials(options);
  const regions = new Map<string, RegionTokens>();
  return {
    credentialsFor: async (host, _repository, signal) => {
      signal.throwIfAborted();
      const ecr = parseEcrHost(host);
      if (ecr === undefined) return { kind: 'anonymous' };
      const key = `${ecr.region}${ecr.fips ? ' fips' : ''}`;
      let tokens = regions.get(key);
      if (tokens === undefined) {
        const config = clientConfig(options, base, ecr.region, options.assumeRoleArn);
        const fips = ecr.fips && config.endpoint === undefined ? { useFipsEndpoint: true } : {};
        tokens = new RegionTokens(new ECRClient({ ...config, ...fips }), ecr.region, options);
        forgetOldest(regions);
        regions.set(key, tokens);
      }
      const token = await untilAborted(tokens.token(host), signal);
      return token.credentials;
    },
  };
}

function forgetOldest(regions: Map<string, RegionTokens>): void {
  const oldest = regions.keys().next().value;
  if (regions.size >= MAX_REGIONS && oldest !== undefined) regions.delete(oldest);
}

/** The token of one region, and its one refresh in flight. */
class RegionTokens {
  readonly #client: ECRClient;
  readonly #region: string;
  readonly #options: EcrOptions;
  #token: Token | undefined;
  #inFlight: Promise<Token> | undefined;

  constructor(client: ECRClient, region: string, options: EcrOptions) {
    this.#client = client;
    this.#region = region;
    this.#options = options;
  }

  async token(host: string): Promise<Token> {
    if (this.#token !== undefined && this.#now() < this.#token.refreshAt) return this.#token;
    this.#inFlight ??= this.#refresh(host).finally(() => {
      this.#inFlight = undefined;
    });
    return this.#inFlight;
  }

  async #refresh(host: string): Promise<Token> {
    try {
      this.#token = await this.#fetch(host);
    } catch (error) {
      const old = this.#token;
      const usableUntil = (old?.expiresAt ?? 0) - UNUSABLE_BEFORE_MS;
      const now = this.#now();
      if (!(error instanceof AwsError) || old === undefined || now >= usableUntil) throw error;
      this.#token = { ...old, refreshAt: Math.min(now + RETRY_AFTER_MS, usableUntil) };
    }
    return this.#token;
  }

  async #fetch(host: string): Promise<Token> {
    const answer = await callAws(
      {
        service: 'ecr',
        operation: 'GetAuthorizationToken',
        target: host,
        notFound: 'RequestRejected',
        region: this.#region,
        send: (abortSignal) => this.#client.send(new GetAuthorizationTokenCommand({}), { abortSignal }),
      },
      this.#options,
      // The flight is everybody's: no caller's signal ends it, only its own deadline.
      new AbortController().signal,
    );
    const { authorizationToken, expiresAt } = answer.authorizationData?.[0] ?? {};
    const decoded = Buffer.from(authorizationToken ?? '', 'base64').toString('utf8');
    const colon = decoded.indexOf(':');
    if (colon <= 0 || expiresAt === undefined) {
      const message = `GetAuthorizationToken with ${host}: expected a token and its expiry; found none`;
      throw new AwsError('Unavailable', message);
    }
    const now = this.#now();
    const lifetime = expiresAt.getTime() - now;
    return {
      credentials: { kind: 'basic', username: decoded.slice(0, colon), password: decoded.slice(colon + 1) },
      expiresAt: expiresAt.getTime(),
      refreshAt: now + Math.max(lifetime - REFRESH_BEFORE_MS, lifetime / 2),
    };
  }

  #now(): number {
    return (this.#options.clock?.() ?? new Date()).getTime();
  }
}
