import type { Dispatcher } from 'undici';
import { createDispatcher } from '../transport/index.ts';

/** Whoever names a host on the command line may mean one on this machine; hosts that certificates name may not be. */
const LOOPBACK = ['127.0.0.0/8', '::1/128'] as const;
/** No proxy can reach this machine's own hosts: other tools never ask one for them either. */
const NEVER_PROXIED = ['localhost', '127.0.0.1', '::1'] as const;

/**
 * What requests to hosts go through that a person named: also to this machine, and there never through a proxy.
 * @param ca PEM certificates, trusted beside the system's
 */
export function dispatcherToNamedHosts(
  env: NodeJS.ProcessEnv,
  allowAddresses: readonly string[] = [],
  ca?: string,
): Dispatcher {
  const [http, https] = [variable(env, 'http_proxy'), variable(env, 'https_proxy')];
  const none = [variable(env, 'no_proxy'), ...NEVER_PROXIED].filter((entry) => entry !== '').join(',');
  return createDispatcher({
    allowAddresses: [...LOOPBACK, ...allowAddresses],
    proxy: { http, https, none },
    ...(ca === undefined ? {} : { ca }),
  });
}

/** In lower case, or else in capitals. */
function variable(env: NodeJS.ProcessEnv, name: string): string {
  return env[name] ?? env[name.toUpperCase()] ?? '';
}
