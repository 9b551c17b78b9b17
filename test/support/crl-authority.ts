import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Chain, createChain, leafExtensions, revocationExtensions } from './pki.ts';
import { encodeCrl } from './revocation-data.ts';
import { startSocketSet } from './socket-set.ts';

const KEY_COMPROMISE = 1;

/** A certificate authority that publishes a CRL over HTTP, or does not. */
export interface CrlAuthority {
  /** Leaf and root; the leaf names the CRL. */
  readonly chain: Chain;
  readonly fetches: () => number;
  /** From now on it answers 503, or no longer. */
  readonly setDown: (isDown: boolean) => void;
  /** The next CRL lists the leaf, for a compromise of its key. */
  readonly revoke: () => void;
  readonly stop: () => Promise<void>;
}

/** Starts an authority. @param crlMs how long a CRL holds */
export async function startCrlAuthority(crlMs: number): Promise<CrlAuthority> {
  let isDown = false;
  let revokedAt: Date | undefined;
  let fetches = 0;
  const server = createServer((_request, response) => {
    fetches += 1;
    if (isDown) {
      response.writeHead(503).end();
      return;
    }
    const [leaf, root] = chain.certificates;
    const key = chain.keys[1];
    if (leaf === undefined || root === undefined || key === undefined) throw new Error('expected a chain of two');
    const [thisUpdate, nextUpdate] = [new Date(Date.now() - 1_000), new Date(Date.now() + crlMs)];
    const entries = revokedAt === undefined ? [] : [{ certificate: leaf, at: revokedAt, reason: KEY_COMPROMISE }];
    response.end(encodeCrl({ issuer: { certificate: root, key }, thisUpdate, nextUpdate, entries }));
  });
  const sockets = startSocketSet(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/crl`;
  const chain = await createChain({
    length: 2,
    subject: 'C=US,ST=WA,O=Acme,CN=Acme Image Signing',
    leafExtensions: [...leafExtensions(), ...revocationExtensions({ crl: [url] })],
  });
  return {
    chain,
    fetches: () => fetches,
    setDown: (next) => {
      isDown = next;
    },
    revoke: () => {
      // Every CRL from now on says the same moment, as those of a real authority do.
      revokedAt ??= new Date(Date.now() - 1_000);
    },
    stop: () => sockets.close(),
  };
}
