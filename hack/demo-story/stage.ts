import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AwsEmulator, startAwsEmulator } from '../../test/support/aws-emulator/index.ts';
import { type ControlPlane, startControlPlane } from '../../test/support/control-plane.ts';
import { type PushedImage, pushImage } from '../../test/support/images.ts';
import { type NameProxy, startNameProxy } from '../../test/support/name-proxy.ts';
import { type OperatorProcess, startOperator } from '../../test/support/operator.ts';
import { type Chain, createChain } from '../../test/support/pki.ts';
import { type Registry, startRegistry } from '../../test/support/registries.ts';
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

/** Everything the story plays on. */
export interface Stage {
  readonly plane: ControlPlane;
  readonly registry: Registry;
  readonly proxy: NameProxy;
  readonly aws: AwsEmulator;
  readonly operator: OperatorProcess;
  /** Signs with a key of its own, trusted by the samples' policy. */
  readonly acme: Chain;
  readonly images: {
    readonly web: PushedImage;
    readonly api: PushedImage;
    readonly forged: PushedImage;
    readonly hotfix: PushedImage;
  };
  readonly stop: () => Promise<void>;
}

type Stop = () => Promise<unknown>;

/** Starts all parts, pushes the images, and installs what a platform team would. What was started is stopped on failure. */
export async function setStage(): Promise<Stage> {
  const stops: Stop[] = [];
  const started = <T extends { readonly stop: Stop }>(part: T): T => {
    stops.unshift(() => part.stop());
    return part;
  };
  const stop = async (): Promise<void> => {
    for (const each of stops.splice(0)) await each();
  };
  try {
    narrator.progress('starting etcd, kube-apiserver and kube-controller-manager');
    const plane = started(await startControlPlane({ controllerManager: true }));
    narrator.progress('starting a registry, and an emulation of AWS Signer');
    const registry = started(await startRegistry('referrers'));
    const proxy = started(await startNameProxy({ [REGISTRY_NAME]: registry.host }));
    const aws = started(await startAwsEmulator({ region: REGION, accountId: ACCOUNT }));
    aws.createProfile({ name: 'shop', validity: { value: 12, type: 'MONTHS' } });
    narrator.progress('pushing images with oras');
    const images = {
      web: await pushImage(registry.host, 'shop/web', 'v1'),
      api: await pushImage(registry.host, 'shop/api', 'v1'),
      forged: await pushImage(registry.host, 'tools/migrate', 'v2'),
      hotfix: await pushImage(registry.host, 'tools/migrate', 'hotfix'),
    };
    await pushImage(registry.host, 'tools/migrate', 'v1');
    narrator.progress('installing the CRDs and the RBAC of config/');
    const acme = await createChain({ subject: 'C=US,ST=WA,O=Acme,CN=Acme Image Signing', caName: 'Acme' });
    await installCluster(plane, aws.rootPem, acme);
    narrator.progress('starting the operator, with the rights of its ServiceAccount and no more');
    const folder = await mkdtemp(join(tmpdir(), 'sealwatch-demo-'));
    stops.unshift(() => rm(folder, { recursive: true, force: true }));
    const operator = started(await startDemoOperator(plane, proxy, aws, folder));
    return { plane, registry, proxy, aws, operator, acme, images, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function installCluster(plane: ControlPlane, signerRootPem: string, acme: Chain): Promise<void> {
  await plane.installCrds();
  await plane.ok(['apply', '-f', 'config/manager/namespace.yaml']);
  await plane.ok(['apply', '-k', 'config/rbac']);
  const roots = { 'aws-signer.pem': signerRootPem, 'acme.pem': acme.rootPem };
  await plane.apply(
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'trust-roots', namespace: 'sealwatch-system' },
      data: roots,
    }),
  );
  await plane.ok(['create', 'namespace', 'shop']);
  await plane.apply(
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Secret',
      type: 'kubernetes.io/tls',
      metadata: { name: 'acme-signer', namespace: 'shop' },
      stringData: { 'tls.crt': acme.pem, 'tls.key': acme.keyPem },
    }),
  );
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
