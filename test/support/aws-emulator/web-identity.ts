import { generateKeyPairSync, sign, verify } from 'node:crypto';
import { WireError } from './wire-error.ts';

const AUDIENCE = 'sts.amazonaws.com';

/** A cluster's issuer of ServiceAccount tokens, and its check by STS (IRSA). */
export class WebIdentities {
  readonly #keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  readonly #now: () => Date;
  readonly issuer = 'https://oidc.eks.eu-west-1.amazonaws.com/id/EMULATED';

  constructor(now: () => Date) {
    this.#now = now;
  }

  /** A token as the kubelet projects it. @param serviceAccount `namespace/name` */
  issueToken(serviceAccount: string, lifetimeMs = 60 * 60_000): string {
    const now = Math.floor(this.#now().getTime() / 1000);
    const payload = {
      iss: this.issuer,
      sub: `system:serviceaccount:${serviceAccount.replace('/', ':')}`,
      aud: [AUDIENCE],
      iat: now,
      exp: now + Math.floor(lifetimeMs / 1000),
    };
    const signed = `${encode({ alg: 'ES256', typ: 'JWT' })}.${encode(payload)}`;
    const signature = sign('sha256', Buffer.from(signed), { key: this.#keys.privateKey, dsaEncoding: 'ieee-p1363' });
    return `${signed}.${signature.toString('base64url')}`;
  }

  /** @returns the token's subject. @throws WireError as STS answers */
  subjectOf(token: string): string {
    const [header = '', payload = '', signature = ''] = token.trim().split('.');
    const isGenuine = verify(
      'sha256',
      Buffer.from(`${header}.${payload}`),
      { key: this.#keys.publicKey, dsaEncoding: 'ieee-p1363' },
      Buffer.from(signature, 'base64url'),
    );
    if (!isGenuine) throw new WireError(400, 'InvalidIdentityToken', 'The ID Token provided is not a valid JWT.');
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as Readonly<Record<string, unknown>>;
    if (!(Array.isArray(claims['aud']) && claims['aud'].includes(AUDIENCE)))
      throw new WireError(400, 'InvalidIdentityToken', 'Incorrect token audience');
    if (Number(claims['exp']) * 1000 <= this.#now().getTime())
      throw new WireError(
        400,
        'ExpiredTokenException',
        'Token expired: current date/time must be before the expiration',
      );
    return String(claims['sub']);
  }
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
