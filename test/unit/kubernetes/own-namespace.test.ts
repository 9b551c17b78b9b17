import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { expect, it, onTestFinished } from 'vitest';
import { ownNamespace } from '../../../src/kubernetes/index.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

/** As client-node loads it in a pod, or from a file. */
function kubeConfig(context: 'inClusterContext' | 'laptop'): KubeConfig {
  const loaded = new KubeConfig();
  loaded.loadFromOptions({
    clusters: [{ name: 'c', server: 'https://127.0.0.1:1', skipTLSVerify: false }],
    users: [{ name: 'u' }],
    contexts: [{ name: context, cluster: 'c', user: 'u' }],
    currentContext: context,
  });
  return loaded;
}

it('is what the ServiceAccount volume of the pod says, and none for another cluster', async () => {
  const folder = await temporaryFolder('namespace');
  onTestFinished(() => folder.remove());
  const file = join(folder.path, 'namespace');
  await expect(ownNamespace(kubeConfig('inClusterContext'), file)).rejects.toThrow(
    /the pod's own namespace cannot be read \(.*ENOENT.*\): give --lease-namespace/,
  );
  await writeFile(file, 'sealwatch-system\n');
  expect(await ownNamespace(kubeConfig('inClusterContext'), file)).toBe('sealwatch-system');
  expect(await ownNamespace(kubeConfig('laptop'), file)).toBeUndefined();
});
