import { untilAborted } from '../transport/index.ts';
import type { AwsOptions } from './aws-options.ts';
import { baseCredentials } from './credentials.ts';
import { type EcrApi, ecrApi } from './ecr-api.ts';
import { type EcrHost, parseEcrHost } from './ecr-host.ts';
import { type AuthorizationToken, RefreshedToken } from './ecr-token.ts';

/** Hosts are named by tenants: more regions and roles than this are forgotten, the one first that was not used longest. */
const MAX_IDENTITIES = 64;

export interface EcrOptions extends AwsOptions {
  /** The role by which the registry of an account is used; undefined: the operator's own identity. */
  readonly roleOf?: (account: string) => string | undefined;
  readonly clock?: () => Date;
}

export type EcrCredentials =
  | { readonly kind: 'anonymous' }
  | {
      readonly kind: 'basic';
      readonly username: string;
      readonly password: string;
      /** What to use where the registry refuses these before their time; undefined when there is nothing else. */
      readonly renew?: (signal: AbortSignal) => Promise<EcrCredentials | undefined>;
    };

/** What a registry client asks for credentials; ready to be chained with others. */
export interface EcrCredentialProvider {
  readonly credentialsFor: (registry: string, repository: string, signal: AbortSignal) => Promise<EcrCredentials>;
}

/** With which identity registries of ECR are used. */
export interface EcrIdentity {
  /** Instead of the operator's own identity, and of the roles of `roleOf`. */
  readonly roleArn?: string;
  /**
   * ECR Public gives what it has to anyone; only who pushes there needs AWS. Default `anonymous`, which needs neither a
   * way to us-east-1 nor a permission.
   */
  readonly publicRegistry?: 'anonymous' | 'authenticated';
}

/** Credentials for ECR, with any identity; all share their tokens. */
export interface EcrAuthorization extends EcrCredentialProvider {
  readonly as: (identity: EcrIdentity) => EcrCredentialProvider;
  /** Closes the connections that are kept alive. */
  readonly close: () => void;
}

/**
 * Credentials for registries of Amazon ECR (aws.md): GetAuthorizationToken in the host's region and partition, whose
 * token is good for every registry there that the identity may use. It is cached until shortly before its expiry, with
 * one refresh in flight; while a refresh fails, the old token serves as long as it is valid (faults.md 24).
 * A host that is not of ECR gets anonymous, so that other providers can follow.
 * Rejects with AwsError, or with the signal's reason when aborted.
 */
export function ecrCredentials(options: EcrOptions = {}): EcrAuthorization {
  const base = baseCredentials(options);
  const clock = options.clock ?? (() => new Date());
  const identities = new Map<string, { readonly api: EcrApi; readonly token: RefreshedToken }>();

  const tokenFor = (host: EcrHost, roleArn: string | undefined): RefreshedToken => {
    const key = `${keyOf(host)} ${roleArn ?? ''}`;
    const known = identities.get(key);
    if (known !== undefined) {
      identities.delete(key);
      identities.set(key, known);
      return known.token;
    }
    const [oldest] = identities;
    if (identities.size >= MAX_IDENTITIES && oldest !== undefined) {
      identities.delete(oldest[0]);
      oldest[1].api.close();
    }
    const api = ecrApi(host, options, base, roleArn);
    const token = new RefreshedToken(api.authorizationToken, clock);
    identities.set(key, { api, token });
    return token;
  };

  const as = ({ roleArn, publicRegistry = 'anonymous' }: EcrIdentity): EcrCredentialProvider => ({
    credentialsFor: async (registry, _repository, signal) => {
      signal.throwIfAborted();
      const host = parseEcrHost(registry);
      if (host === undefined || (host.kind === 'public' && publicRegistry === 'anonymous')) return ANONYMOUS;
      const role = roleArn ?? (host.kind === 'private' ? options.roleOf?.(host.account) : undefined);
      const token = tokenFor(host, role);
      return basic(await untilAborted(token.token(registry), signal), token, registry);
    },
  });
  return {
    ...as({}),
    as,
    close: () => {
      for (const { api } of identities.values()) api.close();
      identities.clear();
    },
  };
}

const ANONYMOUS: EcrCredentials = { kind: 'anonymous' };

function basic({ username, password }: AuthorizationToken, token: RefreshedToken, registry: string): EcrCredentials {
  return {
    kind: 'basic',
    username,
    password,
    renew: async (signal) => {
      const renewed = await untilAborted(token.renewed(password, registry), signal);
      return renewed === undefined ? undefined : basic(renewed, token, registry);
    },
  };
}

function keyOf(host: EcrHost): string {
  if (host.kind === 'public') return 'public';
  return `${host.region}${host.fips ? ' fips' : ''}${host.dualStack ? ' dualstack' : ''}`;
}
