import { randomBytes } from 'node:crypto';
import { type Access, evaluate, type PolicyDocument } from './iam-policy.ts';
import { denied, WireError } from './wire-error.ts';

/** Who makes a request. */
export interface Principal {
  readonly accountId: string;
  readonly arn: string;
  /** Of a session: the role that it is of. */
  readonly roleArn?: string;
}

export interface AccessKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiresAt?: Date;
  readonly principal: Principal;
}

/** The access keys, roles and sessions that the emulator knows, and what they may do. */
export class Identities {
  readonly #keys = new Map<string, AccessKey>();
  /** Whom a role's trust policy names: accounts, `oidc:` subjects, or `pods.eks.amazonaws.com`. */
  readonly #roles = new Map<string, ReadonlySet<string>>();
  readonly #policies = new Map<string, readonly PolicyDocument[]>();
  readonly #controls = new Map<string, readonly PolicyDocument[]>();

  /** Long-lived keys of a user in an account. */
  createAccessKey(accountId: string, userName = 'sealwatch'): AccessKey {
    return this.#add({
      accessKeyId: `AKIA${randomId(16)}`,
      secretAccessKey: randomBytes(30).toString('base64'),
      principal: { accountId, arn: `arn:aws:iam::${accountId}:user/${userName}` },
    });
  }

  /** A role that the given accounts, or other principals, may assume. */
  createRole(roleArn: string, trusted: readonly string[]): void {
    this.#roles.set(roleArn, new Set(trusted));
  }

  /** Attaches policies to a user or role, instead of those before: from then on it may do nothing else. */
  setPolicies(arn: string, documents: readonly PolicyDocument[]): void {
    this.#policies.set(arn, documents);
  }

  /** Service control policies of an account's organisation: they bound what its identities may do, and allow nothing. */
  setServiceControlPolicies(accountId: string, documents: readonly PolicyDocument[]): void {
    this.#controls.set(accountId, documents);
  }

  /** @throws WireError as AWS words it; an identity without policies may do everything */
  authorize(principal: Principal, accesses: readonly Access[]): void {
    const own = this.#policies.get(principal.roleArn ?? principal.arn);
    const controls = this.#controls.get(principal.accountId);
    for (const access of accesses) {
      for (const [kind, documents] of [
        ['service control', controls],
        ['identity-based', own],
      ] as const) {
        if (documents === undefined) continue;
        const decision = evaluate(documents, access);
        if (decision === 'allow') continue;
        const because =
          decision === 'deny'
            ? `with an explicit deny in ${kind === 'identity-based' ? 'an' : 'a'} ${kind} policy`
            : `because no ${kind} policy allows the ${access.action} action`;
        throw denied(principal.arn, access.action, access.resource, because);
      }
    }
  }

  assumeRole(caller: Principal, roleArn: string, sessionName: string, expiresAt: Date): AccessKey {
    this.authorize(caller, [{ action: 'sts:AssumeRole', resource: roleArn }]);
    if (this.#roles.get(roleArn)?.has(caller.accountId) !== true) {
      const message = `User: ${caller.arn} is not authorized to perform: sts:AssumeRole on resource: ${roleArn}`;
      throw new WireError(403, 'AccessDenied', message);
    }
    return this.#session(roleArn, sessionName, expiresAt);
  }

  /** @param identity as the role's trust policy names it: `oidc:<subject>`, or a service */
  assumeRoleAs(identity: string, action: string, roleArn: string, sessionName: string, expiresAt: Date): AccessKey {
    if (this.#roles.get(roleArn)?.has(identity) !== true) {
      throw new WireError(403, 'AccessDenied', `Not authorized to perform ${action}`);
    }
    return this.#session(roleArn, sessionName, expiresAt);
  }

  find(accessKeyId: string): AccessKey | undefined {
    return this.#keys.get(accessKeyId);
  }

  #session(roleArn: string, sessionName: string, expiresAt: Date): AccessKey {
    const [, partition, , , accountId = '', resource = ''] = roleArn.split(':');
    const roleName = resource.slice(resource.lastIndexOf('/') + 1);
    return this.#add({
      accessKeyId: `ASIA${randomId(16)}`,
      secretAccessKey: randomBytes(30).toString('base64'),
      sessionToken: randomBytes(96).toString('base64'),
      expiresAt,
      principal: {
        accountId,
        arn: `arn:${partition}:sts::${accountId}:assumed-role/${roleName}/${sessionName}`,
        roleArn,
      },
    });
  }

  #add(key: AccessKey): AccessKey {
    this.#keys.set(key.accessKeyId, key);
    return key;
  }
}

function randomId(length: number): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  return Array.from(randomBytes(length), (byte) => alphabet[byte % 32]).join('');
}
