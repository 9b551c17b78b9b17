import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ImageSignatureRequestSpec } from '../../src/api/image-signature-request.ts';
import {
  ACCOUNT,
  type AwsWorld,
  ecrHost,
  iamPolicy,
  inAccount,
  OTHER_ACCOUNT,
  REGION,
  startAwsWorld,
} from '../support/aws-world.ts';
import { keysOf, profileArnOf, startEcrScenario } from '../support/ecr-scenario.ts';
import { pushImage } from '../support/images.ts';
import { waitFor } from '../support/processes.ts';
import type { Scenario } from '../support/scenario.ts';
import { sharedControlPlane } from '../support/shared-control-plane.ts';

/** What each source of credentials must be good for. */
const OPERATIONS = ['ECR verify', 'ECR sign', 'Signer sign', 'revocation status'] as const;
const ROLE = `arn:aws:iam::${ACCOUNT}:role/sealwatch`;
const POD_ROLE = `arn:aws:iam::${ACCOUNT}:role/sealwatch-pod`;
const OTHER_ROLE = `arn:aws:iam::${OTHER_ACCOUNT}:role/signer`;
const SERVICE_ACCOUNT = 'sealwatch-system/sealwatch';

/** A way to give the operator its credentials, as a cluster gives them. */
interface Source {
  readonly name: string;
  /** Whose registry and profile are used. */
  readonly account: string;
  readonly env: Readonly<Record<string, string>>;
  /** Who must be seen to use ECR and sign; and who asks for revocations. */
  readonly principal: string;
  readonly asker: string;
  readonly assumeRoleArn?: string;
  /** Between signing and revoking: what a cluster changes while the operator runs. */
  readonly rotate?: () => Promise<void>;
}

let world: AwsWorld;
const table = new Map<string, readonly boolean[]>();

beforeAll(async () => {
  world = await startAwsWorld();
  for (const accountId of [ACCOUNT, OTHER_ACCOUNT]) world.aws.createProfile({ name: 'shop', accountId });
});
afterAll(async () => {
  await world?.stop();
  if (table.size > 0) console.log(format());
});

/** The least rights, as config/iam has them: each identity may do nothing else. */
async function leastRights(): Promise<void> {
  const { identities, credentials } = world.aws;
  const [sign, verify, assume] = [
    await iamPolicy('sign'),
    await iamPolicy('verify'),
    await iamPolicy('optional-assume-role'),
  ];
  for (const arn of [credentials.principal.arn, ROLE, POD_ROLE]) identities.setPolicies(arn, [sign]);
  identities.setPolicies(`arn:aws:iam::${ACCOUNT}:user/across`, [verify, assume]);
  identities.createRole(OTHER_ROLE, [ACCOUNT]);
  identities.setPolicies(OTHER_ROLE, [inAccount(sign, OTHER_ACCOUNT)]);
}

const sessionOf = (account: string, role: string): string => `arn:aws:sts::${account}:assumed-role/${role}/`;

/** Each as its environment stands in a pod. */
const SOURCES: readonly (readonly [name: string, make: () => Promise<Source>])[] = [
  [
    'static keys',
    async () => ({
      name: 'static keys',
      account: ACCOUNT,
      env: keysOf(world.aws.credentials),
      principal: world.aws.credentials.principal.arn,
      asker: world.aws.credentials.principal.arn,
    }),
  ],
  [
    'IRSA',
    async () => {
      world.aws.identities.createRole(ROLE, [`oidc:system:serviceaccount:${SERVICE_ACCOUNT.replace('/', ':')}`]);
      const file = join(world.folder.path, 'irsa-token');
      await writeFile(file, world.aws.webIdentities.issueToken(SERVICE_ACCOUNT));
      const principal = sessionOf(ACCOUNT, 'sealwatch');
      return {
        name: 'IRSA',
        account: ACCOUNT,
        env: { AWS_ROLE_ARN: ROLE, AWS_WEB_IDENTITY_TOKEN_FILE: file, AWS_REGION: REGION },
        principal,
        asker: principal,
      };
    },
  ],
  [
    'EKS Pod Identity',
    async () => {
      const file = join(world.folder.path, 'pod-token');
      // Less than the SDK's five minutes before expiry: it asks for new ones all the time.
      const associate = (): Promise<void> => writeFile(file, world.aws.podIdentity.associate(POD_ROLE, 60_000));
      await associate();
      const principal = sessionOf(ACCOUNT, 'sealwatch-pod');
      return {
        name: 'EKS Pod Identity',
        account: ACCOUNT,
        env: {
          AWS_CONTAINER_CREDENTIALS_FULL_URI: `${world.aws.endpoint}/v1/credentials`,
          AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: file,
        },
        principal,
        asker: principal,
        rotate: async () => {
          await associate();
          const before = world.aws.requests.length;
          // The old token is refused from now on.
          await waitFor('credentials by the rotated token', () =>
            world.aws.requests
              .slice(before)
              .some(({ service, status }) => service === 'pod-identity' && status === 200),
          );
        },
      };
    },
  ],
  [
    'assumed role of another account',
    async () => {
      const key = world.aws.identities.createAccessKey(ACCOUNT, 'across');
      return {
        name: 'assumed role of another account',
        account: OTHER_ACCOUNT,
        env: keysOf(key),
        principal: sessionOf(OTHER_ACCOUNT, 'signer'),
        asker: key.principal.arn,
        assumeRoleArn: OTHER_ROLE,
      };
    },
  ],
];

async function startWith({ account, env, assumeRoleArn }: Source): Promise<Scenario> {
  return startEcrScenario(sharedControlPlane(), 'credentials', world, {
    account,
    env,
    profileArns: [profileArnOf('shop', account)],
    roleArns: assumeRoleArn === undefined ? [] : [assumeRoleArn],
  });
}

describe('the SDK’s default chain, in an operator of its own (aws.md, "Amazon ECR")', () => {
  it.each(SOURCES)(
    '%s: verifies and signs on ECR, signs with AWS Signer and hears of revocations',
    async (name, make) => {
      await leastRights();
      const source = await make();
      const scenario = await startWith(source);
      try {
        const profileArn = profileArnOf('shop', source.account);
        await scenario.trust({ repositories: ['shop/web'], identities: [profileArn] });
        const tag = scenario.id;
        await pushImage(world.registry.host, 'shop/web', tag);
        const [records, requests] = [world.front.records.length, world.aws.requests.length];
        const role = source.assumeRoleArn === undefined ? {} : { assumeRoleArn: source.assumeRoleArn };
        const spec: ImageSignatureRequestSpec = {
          images: [`${ecrHost(source.account)}/shop/web:${tag}`],
          sign: { awsSigner: { profileArn, ...role } },
          ...(source.assumeRoleArn === undefined ? {} : { registry: role }),
        };
        await scenario.request('web', spec);
        const request = await scenario.waitForRequest('web', 'Ready', 'True');
        expect(request.status?.images?.[0]).toMatchObject({ verdict: 'Trusted' });

        await source.rotate?.();
        const asked = world.aws.requests.length;
        const jobArn = request.status?.ownSignatures?.[0]?.jobArn ?? '';
        world.aws.revokeSignature(jobArn);
        const revoked = await scenario.waitForRequest('web', 'Revoked', 'True');
        expect(revoked.status?.images?.[0]?.cause?.revoked).toEqual([jobArn]);

        const did = (action: string, status: number): boolean =>
          world.front.records
            .slice(records)
            .some(
              (one) =>
                one.action === action &&
                one.status === status &&
                one.principalArn?.startsWith(source.principal) === true,
            );
        const called = (operation: string, by: string, since: number): boolean =>
          world.aws.requests
            .slice(since)
            .some(
              (one) => one.operation === operation && one.status === 200 && one.principalArn?.startsWith(by) === true,
            );
        table.set(name, [
          did('ecr:BatchGetImage', 200) && did('ecr:ListImageReferrers', 200),
          did('ecr:PutImage', 201),
          called('SignPayload', source.principal, requests),
          called('GetRevocationStatus', source.asker, asked),
        ]);
        expect(table.get(name)).toEqual(OPERATIONS.map(() => true));
        // Nothing was asked for that the least rights do not give.
        expect(world.front.records.slice(records).filter(({ status }) => status === 403)).toEqual([]);
        expect(world.aws.requests.slice(requests).filter(({ errorCode }) => errorCode?.startsWith('Access'))).toEqual(
          [],
        );
      } finally {
        await scenario.stop();
      }
    },
  );
});

function format(): string {
  const width = Math.max(...[...table.keys()].map((name) => name.length));
  const rows = [...table].map(([name, cells]) =>
    [name.padEnd(width), ...cells.map((cell, i) => (cell ? '+' : 'x').padEnd(OPERATIONS[i]?.length ?? 1))].join('  '),
  );
  return [[''.padEnd(width), ...OPERATIONS].join('  '), ...rows].map((line) => line.trimEnd()).join('\n');
}
