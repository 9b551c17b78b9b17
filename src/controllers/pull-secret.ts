import { type CredentialProvider, dockerConfigCredentials, OciError } from '../oci/index.ts';

/** A Secret that holds no pull credentials. The message says what was expected, and quotes nothing of it. */
export class PullSecretError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'PullSecretError';
  }
}

/**
 * The credentials of a Secret of type kubernetes.io/dockerconfigjson, or of the older kubernetes.io/dockercfg.
 * @throws PullSecretError
 */
export function pullSecretCredentials(data: ReadonlyMap<string, Buffer>): CredentialProvider {
  const [config, old] = [data.get('.dockerconfigjson'), data.get('.dockercfg')];
  try {
    if (config !== undefined) return dockerConfigCredentials(config.toString('utf8'));
    if (old !== undefined) return dockerConfigCredentials(old.toString('utf8'), 'dockercfg');
  } catch (error) {
    if (error instanceof OciError) throw new PullSecretError(error.message);
    throw error;
  }
  throw new PullSecretError(
    'expected type kubernetes.io/dockerconfigjson with the key .dockerconfigjson, or kubernetes.io/dockercfg with .dockercfg',
  );
}
