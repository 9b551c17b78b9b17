import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type AwsEmulator, startAwsEmulator } from '../../test/support/aws-emulator/index.ts';
import { type ControlPlane, startControlPlane } from '../../test/support/control-plane.ts';
import { type PushedImage, pushImage } from '../../test/support/images.ts';
import { type NameProxy, startNameProxy } from '../../test/support/name-proxy.ts';
import { type OperatorProcess, startOperator } from '../../test/support/operator.ts';
import { type Chain, createChain } from '../../test/support/pki.ts';
import { type Registry, startRegistry } from '../../test/support/registries.ts';
import { temporaryFolder } from '../../test/support/temporary-folder.ts';
import { startKubelet } from './kubelet.ts';
import { narrator } from './narrator.ts';

/** The registry of config/samples. On this machine a proxy leads the name to a registry that was just started. */
export const REGISTRY_NAME = 'registry.example.com';
export const REGION = 'eu-west-1';
export const ACCOUNT = '111122223333';
export const SWEEP_SECONDS = 5;

const GRANTS = `signing:
  grants:
    - namespaces: [shop]
      profileArns: ["arn:aws:signer:${REGION}:${ACCOUNT}:/signing-profiles/shop"]
      repositories: ["${REGISTRY_NAME}/shop/*"]
`;

const IMAGES = [
  ['shop/web', 'v1'],
  ['shop/api', 'v1'],
  ['tools/migrate', 'v1'],
  ['tools/migrate', 'hotfix'],
] as const;

/** Everything the story plays on. */
export interface Stage {
  readonly plane: ControlPlane;
  readonly registry: Registry;
  readonly proxy: NameProxy;
  readonly aws: AwsEmulator;
  readonly operator: OperatorProcess;
  /** Signed by a stranger in the story. */
  readonly forged: PushedImage;
  readonly stop: () => Promise<void>;
}

type Stop = () => Promise<unknown>;

/**
 * Starts all parts, pushes the images, and installs what a platform team would. What was started is stopped on failure,
 * and when `signal` aborts meanwhile.
 */
export async function setStage(signal: AbortSignal): Promise<Stage> {
  const stops: Stop[] = [];
  const started = <T extends { readonly stop: Stop }>(part: T): T => {
    stops.unshift(() => part.stop());
    return part;
  };
  const stop = async (): Promise<void> => {
    for (const each of stops.splice(0)) await each();
  };
  const progress = (text: string): void => {
    signal.throwIfAborted();
    narrator.progress(text);
  };
  try {
    progress('starting etcd, kube-apiserver and kube-controller-manager');
    const plane = started(await startControlPlane({ controllerManager: true }));
    progress('starting a registry, and an emulation of AWS Signer');
    const registry = started(await startRegistry('referrers'));
    const proxy = started(await startNameProxy({ [REGISTRY_NAME]: registry.host }));
    const aws = started(await startAwsEmulator({ region: REGION, accountId: ACCOUNT }));
    aws.createProfile({ name: 'shop', validity: { value: 12, type: 'MONTHS' } });
    started(startKubelet(plane.kubeconfigPath, { name: REGISTRY_NAME, host: registry.host }));
    progress(`pushing images with oras to ${REGISTRY_NAME}, which is 127.0.0.1 here`);
    for (const [repository, tag] of IMAGES) await pushImage(registry.host, repository, tag);
    const forged = await pushImage(registry.host, 'tools/migrate', 'v2');
    progress('installing config/default, but for its Deployment: the operator runs on this machine');
    await plane.ok(['apply', '-f', 'config/manager/namespace.yaml', '-f', 'config/samples/10-namespace.yaml']);
    for (const part of ['crds', 'config/rbac']) await plane.ok(['apply', '-k', part]);
    await plane.ok(['wait', '--for=condition=Established', '--timeout=30s', 'crd', '--all']);
    const acme = await createChain({ subject: 'C=US,ST=WA,O=Acme,CN=Acme Image Signing', caName: 'Acme' });
    progress(
      'making the ConfigMap trust-roots, the Secret shop/acme-signer, and a signing grant for the namespace shop',
    );
    await provide(plane, aws.rootPem, acme);
    progress('starting the operator, with the rights of its ServiceAccount and no more');
    const folder = await temporaryFolder('demo');
    stops.unshift(() => folder.remove());
    const operator = started(await startDemoOperator(plane, proxy, aws, folder.path));
    signal.throwIfAborted();
    return { plane, registry, proxy, aws, operator, forged, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** What config/samples needs, and what a person would make by the commands in their comments. */
async function provide(plane: ControlPlane, signerRootPem: string, acme: Chain): Promise<void> {
  const object = (kind: string, namespace: string, name: string, fields: object): object => ({
    apiVersion: 'v1',
    kind,
    metadata: { name, namespace },
    ...fields,
  });
  const items = [
    object('ConfigMap', 'sealwatch-system', 'trust-roots', {
      data: { 'aws-signer.pem': signerRootPem, 'acme.pem': acme.rootPem },
    }),
    object('Secret', 'shop', 'acme-signer', {
      type: 'kubernetes.io/tls',
      stringData: { 'tls.crt': acme.pem, 'tls.key': acme.keyPem },
    }),
  ];
  await plane.apply(JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
}

async function startDemoOperator(
  plane: ControlPlane,
  proxy: NameProxy,
  aws: AwsEmulator,
  folder: string,
): Promise<OperatorProcess> {
  const config = join(folder, 'config.yaml');
  await writeFile(config, GRANTS);
  const token = await plane.tokenFor('sealwatch-system', 'sealwatch');
  return startOperator({
    kubeconfigPath: await plane.kubeconfigFor(token),
    args: [
      '--config',
      config,
      '--plain-http-hosts',
      REGISTRY_NAME,
      '--signer-endpoint',
      aws.endpoint,
      '--sweep-interval',
      `${SWEEP_SECONDS}s`,
      '--trust-store-refresh',
      '5s',
    ],
    env: {
      HTTP_PROXY: proxy.url,
      AWS_ACCESS_KEY_ID: aws.credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: aws.credentials.secretAccessKey,
    },
  });
}
