import 'reflect-metadata';
import type { RequestListener } from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { KubeConfig } from '@kubernetes/client-node';
import { SubjectAlternativeNameExtension, X509CertificateGenerator } from '@peculiar/x509';

export interface ServerCertificate {
  readonly cert: string;
  readonly key: string;
}

/** A self-signed certificate of 127.0.0.1, its own CA. */
export async function createServerCertificate(): Promise<ServerCertificate> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=127.0.0.1',
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + 3_600_000),
    signingAlgorithm: algorithm,
    keys,
    extensions: [new SubjectAlternativeNameExtension([{ type: 'ip', value: '127.0.0.1' }])],
  });
  const pkcs8 = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  return {
    cert: certificate.toString('pem'),
    key: `-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----\n`,
  };
}

export interface TlsServer {
  readonly port: number;
  /** Shows another certificate to new connections, and ends the standing ones. */
  rotate(certificate: ServerCertificate): void;
  stop(): Promise<void>;
}

/** An HTTP/2 server over TLS that also speaks HTTP/1.1, as kube-apiserver does. */
export async function startTlsServer(
  certificate: ServerCertificate,
  onRequest: (request: http2.Http2ServerRequest, response: http2.Http2ServerResponse) => void,
  options: { readonly onlyHttp1?: boolean } = {},
): Promise<TlsServer> {
  // The compatibility API of http2 gives requests of both protocols the same shape.
  const server =
    options.onlyHttp1 === true
      ? https.createServer(certificate, onRequest as unknown as RequestListener)
      : http2.createSecureServer({ ...certificate, allowHTTP1: true }, onRequest);
  const sockets = new Set<Duplex>();
  server.on('secureConnection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('sessionError', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const endAll = () => {
    for (const socket of sockets) {
      socket.destroy();
    }
  };
  return {
    port: (server.address() as AddressInfo).port,
    rotate: (next) => {
      server.setSecureContext(next);
      endAll();
    },
    stop: () => {
      endAll();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** A kubeconfig for a server on 127.0.0.1; `cluster` and `user` take what KubeConfig's own have. */
export function kubeConfigFor(port: number, cluster: object, user: object = {}): KubeConfig {
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromOptions({
    clusters: [{ name: 'test', server: `https://127.0.0.1:${port}`, skipTLSVerify: false, ...cluster }],
    users: [{ name: 'test', ...user }],
    contexts: [{ name: 'test', cluster: 'test', user: 'test' }],
    currentContext: 'test',
  });
  return kubeConfig;
}
