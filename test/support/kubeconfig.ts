import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface KubeconfigContent {
  readonly server: string;
  /** PEM; TLS is verified against it. */
  readonly ca: Buffer;
  readonly token: string;
}

/** Writes a kubeconfig of one context that authenticates with a token. Returns its path. */
export async function writeKubeconfig(folder: string, { server, ca, token }: KubeconfigContent): Promise<string> {
  const path = join(folder, `kubeconfig-${randomBytes(4).toString('hex')}`);
  const content = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'default',
    clusters: [{ name: 'default', cluster: { server, 'certificate-authority-data': ca.toString('base64') } }],
    users: [{ name: 'default', user: { token } }],
    contexts: [{ name: 'default', context: { cluster: 'default', user: 'default' } }],
  };
  await writeFile(path, JSON.stringify(content), { mode: 0o600 });
  return path;
}
