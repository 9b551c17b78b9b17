import { createHash } from 'node:crypto';
import type { RequestOptions } from 'node:https';
import type { ConnectionOptions } from 'node:tls';
import { KubeConfig } from '@kubernetes/client-node';

/** Everything that a connection to the API server needs. */
export interface Credentials {
  /** Authorization and impersonation. */
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: ConnectionOptions;
  /** Changes with the TLS material alone, so that connections are opened anew only then. */
  readonly tlsFingerprint: string;
}

/** Files are read again this often: a projected service-account token changes long before it ends. */
const REFRESH_INTERVAL_MS = 60_000;

/**
 * Credentials of the current context, from memory while fresh.
 *
 * Tokens, client certificates and the cluster's CA are read again each minute, and at once after `expire`
 * (faults.md 6 and 16): a rotated token or CA needs no restart.
 */
export class CredentialSource {
  #kubeConfig: KubeConfig;
  readonly #now: () => number;
  #current: { readonly credentials: Promise<Credentials>; readonly readAt: number } | undefined;
  #renewAuthenticators = false;

  constructor(kubeConfig: KubeConfig, now: () => number = () => performance.now()) {
    this.#kubeConfig = kubeConfig;
    this.#now = now;
  }

  /** Gives the credentials; throws what the authenticator throws (a missing file, a failed exec plug-in). */
  current(): Promise<Credentials> {
    const now = this.#now();
    if (this.#current === undefined || now - this.#current.readAt >= REFRESH_INTERVAL_MS) {
      const credentials = this.#read();
      this.#current = { credentials, readAt: now };
      // A failure is not kept: the next request asks again.
      credentials.catch(() => this.expire());
    }
    return this.#current.credentials;
  }

  /** Makes the next `current` read everything again, past the authenticators' own caches. */
  expire(): void {
    this.#current = undefined;
    this.#renewAuthenticators = true;
  }

  async #read(): Promise<Credentials> {
    if (this.#renewAuthenticators) {
      this.#kubeConfig = withFreshAuthenticators(this.#kubeConfig);
      this.#renewAuthenticators = false;
    }
    const options: RequestOptions = {};
    await this.#kubeConfig.applyToHTTPSOptions(options);
    const tls: ConnectionOptions = {};
    for (const name of ['ca', 'cert', 'key', 'pfx', 'passphrase', 'rejectUnauthorized', 'servername'] as const) {
      if (options[name] !== undefined) {
        Object.assign(tls, { [name]: options[name] });
      }
    }
    return { headers: headersOf(options), tls, tlsFingerprint: fingerprint(tls) };
  }
}

/** client-node caches tokens within its authenticators and has no way to drop them but to make them anew. */
function withFreshAuthenticators(kubeConfig: KubeConfig): KubeConfig {
  const fresh = new KubeConfig();
  fresh.loadFromOptions({
    clusters: kubeConfig.getClusters(),
    contexts: kubeConfig.getContexts(),
    users: kubeConfig.getUsers(),
    currentContext: kubeConfig.getCurrentContext(),
  });
  return fresh;
}

function headersOf(options: RequestOptions): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    // A token file may end in a newline, which no header may hold.
    headers[name] = String(value).trim();
  }
  if (typeof options.auth === 'string') {
    headers['Authorization'] = `Basic ${Buffer.from(options.auth).toString('base64')}`;
  }
  return headers;
}

function fingerprint(tls: ConnectionOptions): string {
  const hash = createHash('sha256');
  for (const [name, value] of Object.entries(tls)) {
    hash.update(`${name}\0${Buffer.isBuffer(value) ? value.toString('base64') : JSON.stringify(value)}\0`);
  }
  return hash.digest('base64');
}
