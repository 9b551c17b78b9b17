/** No proxy can reach this machine's own hosts: what is there is asked directly, as curl and others do. */
const NEVER_PROXIED = ['localhost', '127.0.0.1', '[::1]'] as const;

/**
 * The variables that tell Node's agents which proxy to use (`proxyEnv`): HTTP_PROXY, HTTPS_PROXY and NO_PROXY, in lower
 * case before capitals.
 */
export function proxyEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const [http, https] = [variable(env, 'http_proxy'), variable(env, 'https_proxy')];
  return {
    ...(http === '' ? {} : { http_proxy: http }),
    ...(https === '' ? {} : { https_proxy: https }),
    no_proxy: [variable(env, 'no_proxy'), ...NEVER_PROXIED].filter((entry) => entry !== '').join(','),
  };
}

function variable(env: NodeJS.ProcessEnv, name: string): string {
  return env[name] ?? env[name.toUpperCase()] ?? '';
}
