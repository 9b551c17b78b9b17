/** No proxy can reach this machine's own hosts: what is there is asked directly, as curl and others do. */
const NEVER_PROXIED = ['localhost', '127.0.0.1', '[::1]'] as const;

/**
 * The variables that tell Node's agents which proxy to use (`proxyEnv`): HTTP_PROXY, HTTPS_PROXY and NO_PROXY, in lower
 * case before capitals.
 *
 * Node's agents know them since 22.21 and 24.5. An older one would ask AWS directly, so that says so.
 */
export function proxyEnvironment(
  env: NodeJS.ProcessEnv,
  agentsKnowProxies = process.allowedNodeEnvironmentFlags.has('--use-env-proxy'),
): NodeJS.ProcessEnv {
  const [http, https] = [variable(env, 'http_proxy'), variable(env, 'https_proxy')];
  if (!agentsKnowProxies && (http !== '' || https !== '')) {
    process.emitWarning(
      `HTTP_PROXY or HTTPS_PROXY is set, but AWS is asked directly: Node ${process.versions.node} has no proxies for it; use Node 22.21, or 24.5 and newer`,
      { code: 'SEALWATCH_AWS_PROXY' },
    );
  }
  return {
    ...(http === '' ? {} : { http_proxy: http }),
    ...(https === '' ? {} : { https_proxy: https }),
    no_proxy: [variable(env, 'no_proxy'), ...NEVER_PROXIED].filter((entry) => entry !== '').join(','),
  };
}

function variable(env: NodeJS.ProcessEnv, name: string): string {
  return env[name] ?? env[name.toUpperCase()] ?? '';
}
