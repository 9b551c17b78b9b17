import { randomBytes } from 'node:crypto';
import { WireError } from './wire-error.ts';

/** Who makes a request. */
export interface Principal {
  readonly accountId: string;
  readonly arn: string;
}

export interface AccessKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiresAt?: Date;
  readonly principal: Principal;
}

/** The access keys, roles and sessions that the emulator knows. */
export class Identities {
  readonly #keys = new Map<string, AccessKey>();
  readonly #roles = new Map<string, ReadonlySet<string>>();

  /** Long-lived keys of a user in an account. */
  createAccessKey(accountId: string, userName = 'sealwatch'): AccessKey {
    return this.#add({
      accessKeyId: `AKIA${randomId(16)}`,
      secretAccessKey: randomBytes(30).toString('base64'),
      principal: { accountId, arn: `arn:aws:iam::${accountId}:user/${userName}` },
    });
  }

  /** A role that the given accounts may assume. */
  createRole(roleArn: string, trustedAccounts: readonly string[]): void {
    this.#roles.set(roleArn, new Set(trustedAccounts));
  }

  assumeRole(caller: Principal, roleArn: string, sessionName: string, expiresAt: Date): AccessKey {
    if (this.#roles.get(roleArn)?.has(caller.accountId) !== true) {
      const message = `User: ${caller.arn} is not authorized to perform: sts:AssumeRole on resource: ${roleArn}`;
      throw new WireError(403, 'AccessDenied', message);
    }
    const [, partition, , , accountId = '', resource = ''] = roleArn.split(':');
    const roleName = resource.slice(resource.lastIndexOf('/') + 1);
    return this.#add({
      accessKeyId: `ASIA${randomId(16)}`,
      secretAccessKey: randomBytes(30).toString('base64'),
      sessionToken: randomBytes(96).toString('base64'),
      expiresAt,
      principal: { accountId, arn: `arn:${partition}:sts::${accountId}:assumed-role/${roleName}/${sessionName}` },
    });
  }

  find(accessKeyId: string): AccessKey | undefined {
    return this.#keys.get(accessKeyId);
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
