import 'reflect-metadata';
import { KeyObject, randomBytes, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

x509.cryptoProvider.set(webcrypto);

const DAY_MS = 24 * 60 * 60_000;
const YEAR_MS = 365 * DAY_MS;
const LEAF_VALIDITY_MS = 3 * DAY_MS;
const LEAF_REISSUE_MS = 12 * 60 * 60_000;
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' } as const;

interface Authority {
  readonly name: string;
  readonly keys: webcrypto.CryptoKeyPair;
  /** Itself first, root last. */
  readonly chain: readonly x509.X509Certificate[];
}

/** A certificate to sign with, its key, and its chain. */
export interface SigningCertificate {
  readonly key: KeyObject;
  /** DER, leaf first, root included: four. */
  readonly chain: readonly Buffer[];
}

interface Leaf extends SigningCertificate {
  readonly issuedAt: number;
}

/**
 * Certificates shaped like AWS Signer's (aws.md, last section): a root of a century, an intermediate CA, a CA for each
 * region, and leaves that live for three days. The CAs stay the same as long as the emulator runs.
 */
export class CertificateAuthority {
  readonly #root: Authority;
  readonly #intermediate: Authority;
  readonly #now: () => Date;
  readonly #regions = new Map<string, Promise<Authority>>();
  readonly #leaves = new Map<string, Promise<Leaf>>();

  private constructor(root: Authority, intermediate: Authority, now: () => Date) {
    this.#root = root;
    this.#intermediate = intermediate;
    this.#now = now;
  }

  static async create(now: () => Date): Promise<CertificateAuthority> {
    const start = now().getTime();
    const name = 'C=US,ST=WA,O=AWS,OU=Cryptography,CN=AWS Signer Code Signing';
    const root = await createAuthority(`${name} Root CA G1`, undefined, 2, start - 2 * YEAR_MS, start + 98 * YEAR_MS);
    const intermediate = await createAuthority(`${name} Int CA G1`, root, 1, start - YEAR_MS, start + 9 * YEAR_MS);
    return new CertificateAuthority(root, intermediate, now);
  }

  /** The root, for a trust store of type signingAuthority. */
  get rootPem(): string {
    return `${this.#root.chain[0]?.toString('pem') ?? ''}\n`;
  }

  /** The certificate that signs in a region now: the same for some hours. */
  async signingCertificate(region: string): Promise<SigningCertificate> {
    const now = this.#now().getTime();
    const current = await this.#leaves.get(region);
    if (current !== undefined && Math.abs(now - current.issuedAt) < LEAF_REISSUE_MS) return current;
    const leaf = this.#issueLeaf(region, now);
    this.#leaves.set(region, leaf);
    return leaf;
  }

  /** Makes the next signature come with a new leaf. */
  rotateLeaves(): void {
    this.#leaves.clear();
  }

  async #issueLeaf(region: string, now: number): Promise<Leaf> {
    const issuer = await this.#regionalCa(region, now);
    const keys = await generateKeys();
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: serialNumber(),
      subject: 'C=US,ST=WA,L=Seattle,O=AWS,OU=AWS Cryptography,CN=AWS Signer',
      issuer: issuer.name,
      notBefore: new Date(now - 60 * 60_000),
      notAfter: new Date(now + LEAF_VALIDITY_MS),
      publicKey: keys.publicKey,
      signingKey: issuer.keys.privateKey,
      signingAlgorithm: ALGORITHM,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.codeSigning]),
      ],
    });
    const chain = [certificate, ...issuer.chain].map((one) => Buffer.from(one.rawData));
    return { key: KeyObject.from(keys.privateKey), chain, issuedAt: now };
  }

  #regionalCa(region: string, now: number): Promise<Authority> {
    let authority = this.#regions.get(region);
    if (authority === undefined) {
      const name = `C=US,ST=WA,O=AWS,OU=Cryptography,CN=AWS Signer ${region} Code Signing CA G1`;
      authority = createAuthority(name, this.#intermediate, 0, now - 30 * DAY_MS, now + 180 * DAY_MS);
      this.#regions.set(region, authority);
    }
    return authority;
  }
}

async function createAuthority(
  name: string,
  issuer: Authority | undefined,
  pathLength: number,
  notBefore: number,
  notAfter: number,
): Promise<Authority> {
  const keys = await generateKeys();
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: name,
    issuer: issuer?.name ?? name,
    notBefore: new Date(notBefore),
    notAfter: new Date(notAfter),
    publicKey: keys.publicKey,
    signingKey: (issuer?.keys ?? keys).privateKey,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(true, pathLength, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { name, keys, chain: [certificate, ...(issuer?.chain ?? [])] };
}

async function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return (await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
}

function serialNumber(): string {
  return `7${randomBytes(15).toString('hex').slice(1)}`;
}
