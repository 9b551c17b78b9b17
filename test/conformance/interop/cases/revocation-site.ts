import type { X509Certificate } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Authority, type Chain, createChain, leafExtensions, revocationExtensions } from '../../../support/pki.ts';

/** What the site answers at one path; undefined: nothing is there. */
export type Answers = (chain: RevocableChain) => Buffer | undefined | Promise<Buffer | undefined>;

export interface RevocableChain extends Chain {
  readonly leaf: X509Certificate;
  /** Who issued the leaf, and answers for it. */
  readonly issuer: Authority;
}

const served = new Map<string, Buffer | undefined>();
let server: Server | undefined;
let chains = 0;

/** An HTTP server of OCSP answers and CRLs on this machine; it keeps no process alive. */
async function base(): Promise<string> {
  if (server === undefined) {
    server = createServer((request, response) => {
      // OCSP by GET has the request below the path of its responder.
      const path = [...served.keys()].find((each) => request.url?.startsWith(each) === true);
      const body = path === undefined ? undefined : served.get(path);
      if (body === undefined) {
        response.writeHead(404).end();
        return;
      }
      const type = path?.startsWith('/ocsp') === true ? 'application/ocsp-response' : 'application/pkix-crl';
      request.resume().once('end', () => response.writeHead(200, { 'content-type': type }).end(body));
    });
    server.unref();
    await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  }
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Ends the server. */
export async function stopRevocationSite(): Promise<void> {
  await new Promise<void>((resolve) => (server === undefined ? resolve() : server.close(() => resolve())));
  server = undefined;
}

/** A chain whose leaf names the sources given, which answer what they are told to. */
export async function revocableChain(answers: {
  readonly ocsp?: Answers;
  readonly crl?: Answers;
}): Promise<RevocableChain> {
  chains += 1;
  const own = { ocsp: `/ocsp/${chains}/`, crl: `/crl/${chains}/` };
  const origin = await base();
  const addresses = {
    ...(answers.ocsp === undefined ? {} : { ocsp: [`${origin}${own.ocsp}`] }),
    ...(answers.crl === undefined ? {} : { crl: [`${origin}${own.crl}`] }),
  };
  const made = await createChain({ leafExtensions: [...leafExtensions(), ...revocationExtensions(addresses)] });
  const [leaf, certificate] = made.certificates;
  const key = made.keys[1];
  if (leaf === undefined || certificate === undefined || key === undefined)
    throw new Error('a chain of three expected');
  const chain = { ...made, leaf, issuer: { certificate, key } };
  served.set(own.ocsp, await answers.ocsp?.(chain));
  served.set(own.crl, await answers.crl?.(chain));
  return chain;
}
