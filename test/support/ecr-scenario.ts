import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ACCOUNT, type AwsWorld, ecrHost, REGION } from './aws-world.ts';
import type { ControlPlaneClient } from './control-plane-client.ts';
import { startOperator } from './operator.ts';
import { createChain } from './pki.ts';
import { Scenario } from './scenario.ts';

export interface EcrScenarioOptions {
  /** Whose registry is used; default the emulator's first. */
  readonly account?: string;
  /** What gives the operator its credentials. */
  readonly env: Readonly<Record<string, string>>;
  readonly profileArns: readonly string[];
  readonly roleArns?: readonly string[];
}

/** The ARN of a profile in the world's region. */
export function profileArnOf(name: string, account = ACCOUNT): string {
  return `arn:aws:signer:${REGION}:${account}:/signing-profiles/${name}`;
}

/** Static keys, as an environment has them. */
export function keysOf(key: { readonly accessKeyId: string; readonly secretAccessKey: string }): {
  readonly AWS_ACCESS_KEY_ID: string;
  readonly AWS_SECRET_ACCESS_KEY: string;
} {
  return { AWS_ACCESS_KEY_ID: key.accessKeyId, AWS_SECRET_ACCESS_KEY: key.secretAccessKey };
}

/** An operator of its own that knows AWS by its own names, granted the repositories `shop/*` of an account's ECR. */
export async function startEcrScenario(
  plane: ControlPlaneClient,
  name: string,
  world: AwsWorld,
  { account = ACCOUNT, env, profileArns, roleArns = [] }: EcrScenarioOptions,
): Promise<Scenario> {
  const id = `${name}-${randomBytes(3).toString('hex')}`;
  const config = join(world.folder.path, `${id}.yaml`);
  const grant = { namespaces: [id], profileArns, roleArns, repositories: [`${ecrHost(account)}/shop/*`] };
  await writeFile(config, JSON.stringify({ signing: { grants: [grant] } }));
  await plane.ok(['create', 'namespace', id]);
  const cleared = Object.fromEntries(
    Object.keys(process.env)
      .filter((variable) => variable.startsWith('AWS_'))
      .map((variable) => [variable, undefined]),
  );
  const kubeconfigPath = await plane.operatorKubeconfig();
  const start = () =>
    startOperator({
      kubeconfigPath,
      args: [
        '--config',
        config,
        '--registry-ca',
        world.caFile,
        '--sweep-interval',
        '2s',
        '--trust-store-refresh',
        '2s',
      ],
      env: { ...cleared, ...world.env, ...env },
    });
  return new Scenario({
    plane,
    // As the cluster knows it; what is behind outlives this operator, and so does AWS.
    registry: { host: ecrHost(account), kind: 'referrers', stop: async () => undefined },
    aws: Object.assign(Object.create(world.aws) as typeof world.aws, { stop: async () => undefined }),
    operator: await start(),
    chain: await createChain({ subject: 'C=US,ST=WA,O=Acme,CN=Acme Image Signing' }),
    id,
    folder: join(world.folder.path, id),
    start,
  });
}
