import { afterAll, beforeAll, expect, it } from 'vitest';
import { pushImage } from '../support/images.ts';
import { waitFor } from '../support/processes.ts';
import { type Scenario, startScenario } from '../support/scenario.ts';
import { sharedControlPlane } from '../support/shared-control-plane.ts';

interface WithStatus {
  readonly status: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

const FOREIGN = {
  status: {
    conditions: [
      {
        type: 'Ready',
        status: 'Unknown',
        reason: 'NotGranted',
        message: 'written by somebody else',
        lastTransitionTime: '2030-01-01T00:00:00Z',
      },
    ],
  },
};

let scenario: Scenario;

beforeAll(async () => {
  scenario = await startScenario(sharedControlPlane(), 'foreign');
  await scenario.trust({ repositories: ['team/app'] });
  await scenario.keySecret('signer');
  const image = await pushImage(scenario.registry.host, 'team/app', 'v1');
  await scenario.request('app', { images: [image.reference], sign: { key: { secretRef: { name: 'signer' } } } });
  await scenario.waitForRequest('app', 'Ready', 'True');
});
afterAll(() => scenario?.stop());

const read = (...object: readonly string[]): Promise<WithStatus> => scenario.plane.get<WithStatus>(...object);

it.each([
  ['an ImageSignatureRequest', () => ['isr', 'app', '-n', scenario.id]],
  ['a TrustPolicy', () => ['tp', scenario.id]],
  ['a TrustStore', () => ['tst', `${scenario.id}-ca`]],
])('the status of %s that another writer changed is put right', async (_what, name) => {
  const object = name();
  await scenario.plane.ok(['patch', ...object, '--subresource=status', '--type=merge', '-p', JSON.stringify(FOREIGN)]);
  const healed = await waitFor('the status to be put right', async () => {
    const now = await read(...object);
    return isReady(now) ? now : undefined;
  });
  expect(JSON.stringify(healed.status)).not.toContain('somebody else');
});

function isReady({ status }: WithStatus): boolean {
  return status.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true;
}

it('the start log says which API server and context it speaks to', () => {
  const [start] = scenario.operator.logs().filter(({ msg }) => msg === 'sealwatch starts');
  expect(start).toMatchObject({ apiServer: scenario.plane.address.server, watchNamespaces: 'all' });
  expect(start?.['context']).toMatch(/\S/);
});
