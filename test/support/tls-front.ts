import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { type AddressInfo, connect } from 'node:net';
import { createServer } from 'node:tls';
import * as x509 from '@peculiar/x509';
import { startSocketSet } from './socket-set.ts';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const HOUR_MS = 60 * 60_000;

export interface TlsFront {
  /** `127.0.0.1:port`. */
  readonly host: string;
  readonly stop: () => Promise<void>;
}

/** A private CA, and servers that end TLS for names of its choice. */
export interface TlsFronts {
  /** PEM, for `--registry-ca` and NODE_EXTRA_CA_CERTS. */
  readonly caPem: string;
  /** Ends TLS for names, and passes what is inside to a plain server. @param to `host:port` */
  readonly start: (names: readonly string[], to: string) => Promise<TlsFront>;
}

/** Makes a private CA for fronts. */
export async function createTlsFronts(): Promise<TlsFronts> {
  x509.cryptoProvider.set(webcrypto);
  const keys = await generateKeys();
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity(),
    serialNumber: '01',
    name: 'CN=Private CA of the tests',
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
    ],
  });
  let serial = 1;
  return {
    caPem: `${ca.toString('pem')}\n`,
    start: async (names, to) => {
      serial += 1;
      const own = await generateKeys();
      const certificate = await x509.X509CertificateGenerator.create({
        ...validity(),
        serialNumber: serial.toString(16).padStart(2, '0'),
        subject: 'CN=front',
        issuer: ca.subject,
        publicKey: own.publicKey,
        signingKey: keys.privateKey,
        signingAlgorithm: ALGORITHM,
        extensions: [
          new x509.BasicConstraintsExtension(false, undefined, true),
          new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
          new x509.SubjectAlternativeNameExtension(names.map((value) => ({ type: 'dns', value }))),
        ],
      });
      return startFront(certificate.toString('pem'), await keyPem(own.privateKey), to);
    },
  };
}

async function startFront(cert: string, key: string, to: string): Promise<TlsFront> {
  const [host = '', port = ''] = to.split(':');
  const server = createServer({ cert, key }, (client) => {
    const upstream = connect(Number(port), host);
    sockets.add(upstream);
    upstream.on('error', () => client.destroy());
    client.on('error', () => upstream.destroy());
    client.on('close', () => upstream.destroy());
    upstream.on('close', () => client.destroy());
    client.pipe(upstream).pipe(client);
  });
  // A client that does not trust the CA ends the handshake: that is its right.
  server.on('tlsClientError', () => undefined);
  const sockets = startSocketSet(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, stop: () => sockets.close() };
}

function validity(): { readonly notBefore: Date; readonly notAfter: Date } {
  return { notBefore: new Date(Date.now() - HOUR_MS), notAfter: new Date(Date.now() + 24 * HOUR_MS) };
}

async function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return (await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
}

async function keyPem(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key)).toString('base64');
  return `-----BEGIN PRIVATE KEY-----\n${der.replace(/(.{64})/g, '$1\n')}\n-----END PRIVATE KEY-----\n`;
}
