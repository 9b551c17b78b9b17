import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ControlPlane, startControlPlane } from '../support/control-plane.ts';
import { pushImage } from '../support/images.ts';
import { waitFor } from '../support/processes.ts';
import { type Scenario, startScenario } from '../support/scenario.ts';

const QUIET_MS = 120_000;

interface AuditEvent {
  readonly verb: string;
  readonly userAgent?: string;
  readonly requestURI: string;
  readonly stageTimestamp: string;
}

let plane: ControlPlane;
let scenario: Scenario;

beforeAll(async () => {
  plane = await startControlPlane({ auditLog: true });
  await plane.installCrds();
  scenario = await startScenario(plane, 'steady');
});
afterAll(async () => {
  await scenario?.stop();
  await plane?.stop();
});

it(
  'writes nothing and lists nothing while nothing changes for 2 minutes, with good and bad pods running',
  async () => {
    await scenario.trust({ repositories: ['team/app'] });
    const [signed, unsigned] = [
      await pushImage(scenario.registry.host, 'team/app', 'signed'),
      await pushImage(scenario.registry.host, 'team/app', 'unsigned'),
    ];
    const awsSigner = { profileArn: scenario.profileArn(scenario.id.replaceAll('-', '_')) };
    await scenario.request('signed', { images: [signed.reference], sign: { awsSigner } });
    await scenario.request('unsigned', { images: [unsigned.reference] });
    await scenario.waitForRequest('signed', 'Ready', 'True');
    await scenario.waitForRequest('unsigned', 'Ready', 'False', 'SomeUnsigned');
    for (const [name, image] of [
      ['good', signed],
      ['bad', unsigned],
    ] as const) {
      await scenario.runPod(name, { app: { image: image.reference, imageID: `${image.repository}@${image.digest}` } });
    }
    await scenario.waitForPod('bad', 'False', 'Unsigned');
    await waitFor('the counts of the policy', async () => {
      const policy = await plane.get<{ readonly status: { readonly pods?: { readonly total: number } } }>(
        'tp',
        scenario.id,
      );
      return policy.status.pods?.total === 2;
    });
    // The last writes, of counts and events, follow what they are about by a second or two.
    const settledAt = await lastWriteOlderThan(5_000);

    await delay(QUIET_MS);

    const requests = await auditOf(settledAt);
    const writes = requests.filter(({ verb }) => ['create', 'update', 'patch', 'delete'].includes(verb));
    expect(writes.map(({ verb, requestURI }) => `${verb} ${requestURI}`)).toEqual([]);
    expect(requests.filter(({ verb }) => verb === 'list')).toEqual([]);
    // The time was not idle: the sweep asked AWS Signer all along.
    const sweeps = scenario.aws.requests.filter(
      ({ operation, time }) => operation === 'GetRevocationStatus' && Date.parse(time) > settledAt,
    );
    expect(sweeps.length).toBeGreaterThan(30);
  },
  QUIET_MS + 120_000,
);

/** What the operator asked of the API server since a moment. */
async function auditOf(since: number): Promise<readonly AuditEvent[]> {
  const lines = (await readFile(plane.auditLogPath, 'utf8')).trim().split('\n');
  return lines
    .map((line) => JSON.parse(line) as AuditEvent)
    .filter(
      ({ userAgent, stageTimestamp }) =>
        userAgent?.startsWith('sealwatch/') === true && Date.parse(stageTimestamp) > since,
    );
}

/** Waits until the operator has not written for a while; gives the moment. */
async function lastWriteOlderThan(ms: number): Promise<number> {
  return waitFor(
    'the operator to have written all',
    async () => {
      const writes = (await auditOf(0)).filter(({ verb }) => ['create', 'update', 'patch', 'delete'].includes(verb));
      const last = Math.max(0, ...writes.map(({ stageTimestamp }) => Date.parse(stageTimestamp)));
      return Date.now() - last > ms ? Date.now() : undefined;
    },
    60_000,
    500,
  );
}
