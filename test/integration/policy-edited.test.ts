import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Condition } from '../../src/api/conditions.ts';
import { type PushedImage, pushImage } from '../support/images.ts';
import { waitFor } from '../support/processes.ts';
import { type Scenario, startScenario } from '../support/scenario.ts';
import { sharedControlPlane } from '../support/shared-control-plane.ts';

describe('a TrustPolicy that is edited into something invalid', () => {
  let scenario: Scenario;
  let image: PushedImage;

  beforeAll(async () => {
    scenario = await startScenario(sharedControlPlane(), 'edited');
    await scenario.trust({ repositories: ['team/app'] });
    image = await pushImage(scenario.registry.host, 'team/app', 'v1');
  });
  afterAll(() => scenario?.stop());

  async function ready(): Promise<Condition | undefined> {
    const policy = await scenario.plane.get<{ readonly status?: { readonly conditions?: readonly Condition[] } }>(
      'tp',
      scenario.id,
    );
    return policy.status?.conditions?.find(({ type }) => type === 'Ready');
  }

  it('goes on watching: its last valid statements stay in force, and it says so', async () => {
    const { spec } = await scenario.plane.get<{ readonly spec: { readonly trustPolicies: readonly object[] } }>(
      'tp',
      scenario.id,
    );
    // The API server's rules do not compare the scopes of two statements.
    const trustPolicies = [...spec.trustPolicies, { ...spec.trustPolicies[0], name: 'again' }];
    await scenario.plane.ok([
      'patch',
      'tp',
      scenario.id,
      '--type=merge',
      '-p',
      JSON.stringify({ spec: { trustPolicies } }),
    ]);
    const condition = await waitFor('the policy to be told invalid', async () => {
      const found = await ready();
      return found?.status === 'False' ? found : undefined;
    });
    expect(condition.reason).toBe('InvalidPolicy');
    expect(condition.message).toMatch(
      /^spec is invalid: .*already stands in statement "images".*; the last valid version \(generation 1\) stays in force$/,
    );
    await scenario.runPod('app', { app: { image: image.reference, imageID: `${image.repository}@${image.digest}` } });
    await scenario.waitForPod('app', 'False', 'Unsigned');
  });

  it('after a restart, where no valid version is known, its images are Unknown, not unwatched', async () => {
    await scenario.restartOperator();
    const condition = await scenario.waitForPod('app', 'False', 'Unknown');
    expect(condition.message).toContain(`the TrustPolicy ${scenario.id} names this repository and is invalid`);
    const told = await waitFor('the policy to say that it has no valid version', async () => {
      const found = await ready();
      return found?.message.includes('no valid version is known') === true ? found : undefined;
    });
    expect(told.reason).toBe('InvalidPolicy');
  });

  it('is in force again once it is mended', async () => {
    await scenario.plane.ok([
      'patch',
      'tp',
      scenario.id,
      '--type=json',
      '-p',
      '[{"op":"remove","path":"/spec/trustPolicies/1"}]',
    ]);
    await scenario.waitForPod('app', 'False', 'Unsigned');
    expect((await ready())?.status).toBe('True');
  });
});
