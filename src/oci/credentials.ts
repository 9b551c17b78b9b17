import { createHash } from 'node:crypto';
import { OciError } from './error.ts';

/** How to authenticate to a registry. */
export type Credentials =
  | { readonly kind: 'anonymous' }
  | {
      readonly kind: 'basic';
      readonly username: string;
      readonly password: string;
      /**
       * Where these are given for a time and may be withdrawn before it is over: what to use where a registry refuses
       * them; undefined when there is nothing else.
       */
      readonly renew?: (signal: AbortSignal) => Promise<Credentials | undefined>;
    }
  /** Sent to the registry as it is. */
  | { readonly kind: 'bearer'; readonly token: string }
  /** Exchanged for tokens at the registry's token service (OAuth 2.0 refresh token). */
  | { readonly kind: 'identity'; readonly token: string };

/** Credentials that may serve, or why some that should be there cannot be had. */
export type Candidate = Credentials | { readonly kind: 'unavailable'; readonly error: OciError };

/** Finds the credentials for a repository. The seam for Secrets, ECR and credential helpers. */
export interface CredentialProvider {
  /** Those that serve best; anonymous where there are none. Rejects with OciError. */
  readonly credentialsFor: (registry: string, repository: string, signal: AbortSignal) => Promise<Credentials>;
  /** All that may serve, best first, found as they are asked for. Absent: there are only those of `credentialsFor`. */
  readonly candidatesFor?: (registry: string, repository: string, signal: AbortSignal) => AsyncIterable<Candidate>;
}

const ANONYMOUS: Credentials = { kind: 'anonymous' };

export const anonymous: CredentialProvider = { credentialsFor: async () => ANONYMOUS };

/** All credentials of a provider that may serve, but anonymous; a fault of the provider is one of them. */
export async function* candidatesOf(
  provider: CredentialProvider,
  registry: string,
  repository: string,
  signal: AbortSignal,
): AsyncGenerator<Candidate> {
  try {
    if (provider.candidatesFor !== undefined) {
      for await (const candidate of provider.candidatesFor(registry, repository, signal)) {
        if (candidate.kind !== 'anonymous') yield candidate;
      }
      return;
    }
    const found = await provider.credentialsFor(registry, repository, signal);
    if (found.kind !== 'anonymous') yield found;
  } catch (error) {
    if (!(error instanceof OciError)) throw error;
    yield { kind: 'unavailable', error };
  }
}

/** Several providers in turn: the first that knows credentials wins, and those of the others are tried after them. */
export function chainCredentials(...providers: readonly CredentialProvider[]): CredentialProvider {
  return {
    credentialsFor: async (registry, repository, signal) => {
      for (const provider of providers) {
        const found = await provider.credentialsFor(registry, repository, signal);
        if (found.kind !== 'anonymous') return found;
      }
      return ANONYMOUS;
    },
    candidatesFor: async function* (registry, repository, signal) {
      for (const provider of providers) yield* candidatesOf(provider, registry, repository, signal);
    },
  };
}

/** Credentials that are known already, best first. */
export function listedCredentials(
  find: (registry: string, repository: string) => readonly Credentials[],
): CredentialProvider {
  return {
    credentialsFor: async (registry, repository) => find(registry, repository)[0] ?? ANONYMOUS,
    candidatesFor: async function* (registry, repository) {
      yield* find(registry, repository);
    },
  };
}

/** The Authorization header for credentials that need no token; undefined where none is to be sent. */
export function authorizationOf(credentials: Credentials): string | undefined {
  switch (credentials.kind) {
    case 'anonymous':
    case 'identity':
      return undefined;
    case 'basic':
      return `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`, 'utf8').toString('base64')}`;
    case 'bearer':
      return `Bearer ${credentials.token}`;
  }
}

/** Tells credentials apart without holding them. */
export function fingerprintOf(credentials: Credentials): string {
  const parts =
    credentials.kind === 'basic'
      ? [credentials.kind, credentials.username, credentials.password]
      : [credentials.kind, credentials.kind === 'anonymous' ? '' : credentials.token];
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64');
}
