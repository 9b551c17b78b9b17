import { randomBytes } from 'node:crypto';
import type { Identities } from './identities.ts';
import type { HttpRequest } from './sigv4.ts';

/** Where the agent of EKS Pod Identity answers. */
export const POD_IDENTITY_PATH = '/v1/credentials';
const SERVICE = 'pods.eks.amazonaws.com';

/** The agent of EKS Pod Identity on a node: credentials for whoever has the pod's token. */
export class PodIdentity {
  readonly #identities: Identities;
  readonly #now: () => Date;
  readonly #associations = new Map<string, { readonly roleArn: string; readonly lifetimeMs: number }>();

  constructor(identities: Identities, now: () => Date) {
    this.#identities = identities;
    this.#now = now;
  }

  /** Associates a role with a pod. @returns the pod's token; an older one is refused from then on */
  associate(roleArn: string, lifetimeMs = 6 * 60 * 60_000): string {
    this.#identities.createRole(roleArn, [SERVICE]);
    for (const [token, association] of this.#associations)
      if (association.roleArn === roleArn) this.#associations.delete(token);
    const token = randomBytes(48).toString('base64url');
    this.#associations.set(token, { roleArn, lifetimeMs });
    return token;
  }

  /** @returns status and body of the agent's answer */
  answer(request: HttpRequest): { readonly status: number; readonly body: object; readonly roleArn?: string } {
    const association = this.#associations.get(String(request.headers['authorization'] ?? ''));
    if (association === undefined)
      return { status: 401, body: { Code: 'AccessDenied', Message: 'Service account token cannot be validated' } };
    const expiresAt = new Date(this.#now().getTime() + association.lifetimeMs);
    const { roleArn } = association;
    const key = this.#identities.assumeRoleAs(SERVICE, 'sts:AssumeRole', roleArn, 'eks-cluster-pod', expiresAt);
    return {
      status: 200,
      roleArn,
      body: {
        AccessKeyId: key.accessKeyId,
        SecretAccessKey: key.secretAccessKey,
        Token: key.sessionToken,
        Expiration: expiresAt.toISOString(),
      },
    };
  }
}
