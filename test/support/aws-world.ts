import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type AwsEmulator,
  type EcrFront,
  type EmulatorOptions,
  type PolicyDocument,
  startAwsEmulator,
  startEcrFront,
} from './aws-emulator/index.ts';
import { type NameProxy, startNameProxy } from './name-proxy.ts';
import { type Registry, type RegistryKind, startRegistry } from './registries.ts';
import { type TemporaryFolder, temporaryFolder } from './temporary-folder.ts';
import { createTlsFronts } from './tls-front.ts';

export const REGION = 'eu-west-1';
export const ACCOUNT = '111122223333';
export const OTHER_ACCOUNT = '444455556666';

/** The name of an account's registry. */
export function ecrHost(account = ACCOUNT, region = REGION): string {
  return `${account}.dkr.ecr.${region}.amazonaws.com`;
}

/** A policy of config/iam, as it is. */
export async function iamPolicy(name: string): Promise<PolicyDocument> {
  const path = join(import.meta.dirname, '../../config/iam', `${name}.json`);
  return JSON.parse(await readFile(path, 'utf8')) as PolicyDocument;
}

/** The same policy for another account. */
export function inAccount(policy: PolicyDocument, account: string): PolicyDocument {
  return JSON.parse(JSON.stringify(policy).replaceAll(ACCOUNT, account)) as PolicyDocument;
}

/**
 * AWS under its own names: nobody overrides an endpoint. A proxy leads AWS's hosts to TLS servers of a private CA, behind
 * which are the emulator's API and ECR's check of tokens before a real registry.
 */
export interface AwsWorld {
  readonly aws: AwsEmulator;
  readonly front: EcrFront;
  /** What is behind ECR. */
  readonly registry: Registry;
  readonly proxy: NameProxy;
  readonly folder: TemporaryFolder;
  /** PEM file of the CA. */
  readonly caFile: string;
  /** The way there, and neither credentials nor settings of whoever runs the tests. */
  readonly env: Readonly<Record<string, string>>;
  readonly stop: () => Promise<void>;
}

export interface AwsWorldOptions {
  /** More hosts of AWS's APIs, and of registries. */
  readonly apiHosts?: readonly string[];
  readonly registryHosts?: readonly string[];
  readonly registry?: RegistryKind;
  readonly emulator?: EmulatorOptions;
}

/** Starts AWS under its own names, in eu-west-1 and with two accounts. */
export async function startAwsWorld(options: AwsWorldOptions = {}): Promise<AwsWorld> {
  const folder = await temporaryFolder('aws');
  const aws = await startAwsEmulator({ accountId: ACCOUNT, region: REGION, ...options.emulator });
  const registry = await startRegistry(options.registry ?? 'referrers');
  const front = await startEcrFront(aws, registry.host);
  const fronts = await createTlsFronts();
  const apis = [
    ...['signer', 'data-signer', 'sts', 'api.ecr'].map((service) => `${service}.${REGION}.amazonaws.com`),
    'api.ecr-public.us-east-1.amazonaws.com',
    'sts.us-east-1.amazonaws.com',
    ...(options.apiHosts ?? []),
  ];
  const registries = [ecrHost(), ecrHost(OTHER_ACCOUNT), 'public.ecr.aws', ...(options.registryHosts ?? [])];
  const apiFront = await fronts.start(apis, new URL(aws.endpoint).host);
  const registryFront = await fronts.start(registries, front.host);
  const routes = [
    ...apis.map((name) => [name, apiFront.host] as const),
    ...registries.map((name) => [name, registryFront.host] as const),
  ];
  const proxy = await startNameProxy(Object.fromEntries(routes));
  const caFile = join(folder.path, 'ca.pem');
  await writeFile(caFile, fronts.caPem);
  return {
    ...{ aws, front, registry, proxy, folder, caFile },
    env: {
      HTTPS_PROXY: proxy.url,
      NO_PROXY: '127.0.0.1,localhost',
      NODE_EXTRA_CA_CERTS: caFile,
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_CONFIG_FILE: join(folder.path, 'none'),
      AWS_SHARED_CREDENTIALS_FILE: join(folder.path, 'none'),
    },
    stop: async () => {
      await proxy.stop();
      await apiFront.stop();
      await registryFront.stop();
      await front.stop();
      await registry.stop();
      await aws.stop();
      await folder.remove();
    },
  };
}
