import { existsSync, readFileSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';
import { KubeConfig, type User } from '@kubernetes/client-node';
import { parse } from 'yaml';

interface RawKubeConfig {
  readonly users?:
    | readonly { readonly name?: unknown; readonly user?: { readonly tokenFile?: unknown } | null }[]
    | null;
}

/**
 * Makes users whose kubeconfig says `tokenFile` authenticate with what that file holds, read again as it changes
 * (faults.md 16). client-node does not know the field, and would ask as nobody (system:anonymous). As kubectl has it,
 * the file goes before a `token`, and a relative path begins at the kubeconfig's own folder.
 * @param env as the process has it: KUBECONFIG, else HOME
 */
export function withTokenFiles(kubeConfig: KubeConfig, env: NodeJS.ProcessEnv): KubeConfig {
  const tokenFiles = new Map(filesOf(env).toReversed().flatMap(tokenFilesIn));
  if (!kubeConfig.getUsers().some(({ name }) => tokenFiles.has(name))) return kubeConfig;
  const changed = new KubeConfig();
  changed.loadFromOptions({
    clusters: kubeConfig.getClusters(),
    contexts: kubeConfig.getContexts(),
    currentContext: kubeConfig.getCurrentContext(),
    users: kubeConfig.getUsers().map((user): User => {
      const tokenFile = tokenFiles.get(user.name);
      if (tokenFile === undefined) return user;
      const { token: _, ...others } = user;
      return { ...others, authProvider: { name: 'tokenFile', config: { tokenFile } } };
    }),
  });
  return changed;
}

/** The files that client-node reads, in their order: what comes first counts. */
function filesOf(env: NodeJS.ProcessEnv): readonly string[] {
  const named = (env['KUBECONFIG'] ?? '').split(delimiter).filter((file) => file !== '');
  return named.length > 0 ? named : [join(env['HOME'] ?? '', '.kube', 'config')].filter(existsSync);
}

function tokenFilesIn(file: string): readonly (readonly [string, string])[] {
  const content = parse(readFileSync(file, 'utf8')) as RawKubeConfig | null;
  return (content?.users ?? []).flatMap(({ name, user }) =>
    typeof name === 'string' && typeof user?.tokenFile === 'string' && user.tokenFile !== ''
      ? [[name, resolve(dirname(file), user.tokenFile)] as const]
      : [],
  );
}
