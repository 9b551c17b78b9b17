import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import type { ServerCertificate } from './fault-proxy.ts';
import { createChain, issueFrom } from './pki.ts';

/** A private CA that no system knows. */
export interface TlsAuthority {
  /** PEM of its root. */
  readonly rootPem: string;
  /** Issues a certificate for 127.0.0.1 and some names. */
  readonly issue: (...names: readonly string[]) => Promise<ServerCertificate>;
}

/** Makes a private CA for TLS servers on this machine. */
export async function createTlsAuthority(name = 'Private'): Promise<TlsAuthority> {
  const chain = await createChain({ length: 2, caName: name });
  const [, root] = chain.certificates;
  const [, rootKey] = chain.keys;
  if (root === undefined || rootKey === undefined) throw new Error('a chain of two has a root');
  return {
    rootPem: chain.rootPem,
    issue: async (...names) => {
      const { certificate, key } = await issueFrom(
        { certificate: root, key: rootKey },
        {
          subject: 'CN=registry.test',
          extensions: [
            new x509.SubjectAlternativeNameExtension([
              { type: 'ip', value: '127.0.0.1' },
              ...['localhost', ...names].map((value) => ({ type: 'dns' as const, value })),
            ]),
            new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
          ],
        },
      );
      return { cert: certificate.toString(), key: key.export({ format: 'pem', type: 'pkcs8' }).toString() };
    },
  };
}
