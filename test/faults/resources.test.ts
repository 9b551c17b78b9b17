import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Condition } from '../../src/api/conditions.ts';
import { type ControlPlane, startControlPlane } from '../support/control-plane.ts';
import { pushImage } from '../support/images.ts';
import { createChain } from '../support/pki.ts';
import { waitFor } from '../support/processes.ts';
import { type Scenario, startScenario } from '../support/scenario.ts';
import { localClient, signImage } from '../support/signed-images.ts';

/** Passes the rule of the CRD, and is no certificate. */
const GARBAGE = '-----BEGIN CERTIFICATE-----\nZ2FyYmFnZQ==\n-----END CERTIFICATE-----\n';
const GATE = { readinessGates: [{ conditionType: 'sealwatch.dev/ImagesTrusted' }] };

interface WithStatus {
  readonly metadata: { readonly creationTimestamp: string };
  readonly status?: {
    readonly lastGoodBundle?: string;
    readonly certificateCount?: number;
    readonly conditions?: readonly Condition[];
  };
}

let plane: ControlPlane;
let scenario: Scenario;
beforeAll(async () => {
  plane = await startControlPlane({ controllerManager: true });
  await plane.installCrds();
  scenario = await startScenario(plane, 'resources');
  await scenario.trust({ repositories: ['team/app'] });
});
afterAll(async () => {
  await scenario?.stop();
  await plane?.stop();
});

const conditionOf = ({ status }: WithStatus, type: string) =>
  status?.conditions?.find((condition) => condition.type === type);

/** Waits until a condition of a cluster-scoped object is as wanted, and gives the object. */
function waitForCondition(object: string, type: string, status: string, reason: string): Promise<WithStatus> {
  return waitFor(`${object} to have ${type}=${status}, reason ${reason}`, async () => {
    const found = await plane.get<WithStatus>(object);
    const condition = conditionOf(found, type);
    return condition?.status === status && condition.reason === reason ? found : undefined;
  });
}

let images = 0;
/** Runs an image that nobody has seen before in a pod of its own. @returns the pod's name */
async function runNewImage(repository = 'team/app', chain = scenario.chain): Promise<string> {
  images += 1;
  const name = `pod-${images}`;
  const image = await pushImage(scenario.registry.host, repository, name);
  await signImage(localClient(), image, chain);
  const running = { image: image.reference, imageID: `${image.repository}@${image.digest}` };
  await scenario.runPod(name, { app: running }, GATE);
  return name;
}

/** What `kubectl describe` lists below "Events:". */
async function describedEvents(...object: readonly string[]): Promise<string> {
  return (await plane.ok(['describe', ...object])).split('\nEvents:')[1] ?? '';
}

const patch = (object: string, body: object, ...more: readonly string[]) =>
  plane.kubectl(['patch', object, '--type=merge', '-p', JSON.stringify(body), ...more]);

describe('two policies that claim one scope', () => {
  const policy = (name: string, identity: string): object => ({
    apiVersion: 'sealwatch.dev/v1alpha1',
    kind: 'TrustPolicy',
    metadata: { name },
    spec: {
      version: '1.0',
      trustPolicies: [
        {
          name: 'shared',
          registryScopes: [`${scenario.registry.host}/team/shared`],
          signatureVerification: { level: 'strict' },
          trustStores: [`ca:${scenario.id}`],
          trustedIdentities: [identity],
        },
      ],
    },
  });

  it('the older wins, whatever its name; both say so; when it is deleted the other takes over, and says so (faults.md 48)', async () => {
    const [older, younger] = [`z-${scenario.id}`, `a-${scenario.id}`];
    await scenario.apply(policy(older, '*'));
    const first = await waitForCondition(`tp/${older}`, 'Ready', 'True', 'PolicyInForce');
    const pod = await runNewImage('team/shared');
    await scenario.waitForPod(pod, 'True', 'AllTrusted');
    // Times of creation have whole seconds.
    const next = Date.parse(first.metadata.creationTimestamp) + 1_000;
    await waitFor('the next second', async () => Date.now() > next, 3_000, 50);
    await scenario.apply(policy(younger, 'x509.subject: C=US, ST=WA, O=Nobody'));

    const loser = await waitForCondition(`tp/${younger}`, 'Conflicted', 'True', 'ScopeConflict');
    expect(conditionOf(loser, 'Ready')).toMatchObject({ status: 'False', reason: 'ScopeConflict' });
    expect(conditionOf(loser, 'Conflicted')?.message).toContain(
      `${scenario.registry.host}/team/shared of statement shared (claimed by the older TrustPolicy ${older})`,
    );
    const winner = await waitForCondition(`tp/${older}`, 'Conflicted', 'True', 'ScopeConflict');
    expect(conditionOf(winner, 'Ready')).toMatchObject({ status: 'True' });
    expect(conditionOf(winner, 'Conflicted')?.message).toContain(
      `this object is older and in force for ${scenario.registry.host}/team/shared (also claimed by the younger TrustPolicy ${younger})`,
    );
    // A pod that comes now is judged by the older one too.
    await scenario.waitForPod(await runNewImage('team/shared'), 'True', 'AllTrusted');
    expect(await scenario.podCondition(pod)).toMatchObject({ status: 'True' });
    await waitFor('an event on the loser', async () =>
      /Warning\s+ScopeConflict\s.*claimed by the older/.test(await describedEvents(`tp/${younger}`)),
    );

    await plane.ok(['delete', 'tp', older]);
    const heir = await waitForCondition(`tp/${younger}`, 'Ready', 'True', 'PolicyInForce');
    expect(conditionOf(heir, 'Conflicted')).toBeUndefined();
    const condition = await scenario.waitForPod(pod, 'False', 'Untrusted');
    expect(condition.message).toContain(`policy ${younger}/shared`);
    await waitFor('an event on the heir', async () =>
      /Normal\s+PolicyInForce\s/.test(await describedEvents(`tp/${younger}`)),
    );
    await plane.ok(['delete', 'tp', younger]);
  });
});

describe('a TrustStore whose bundle becomes garbage', () => {
  const store = (): string => `tst/${scenario.id}-ca`;

  it('its last good bundle stays in force; Ready is False and names the field; an event says so (faults.md 49)', async () => {
    await scenario.waitForPod(await runNewImage(), 'True', 'AllTrusted');
    await patch(store(), { spec: { caBundle: GARBAGE } });
    const object = await waitForCondition(store(), 'Ready', 'False', 'InvalidBundle');
    expect(conditionOf(object, 'Ready')?.message).toMatch(
      /^spec\.caBundle: trust store ca:\S+: PEM block 1 of 1 is not a DER certificate; the last good bundle \(1 certificate\) stays in force$/,
    );
    expect(object.status?.certificateCount).toBe(1);
    await scenario.waitForPod(await runNewImage(), 'True', 'AllTrusted');
    await waitFor('an event on the store', async () =>
      /Warning\s+InvalidBundle\s.*spec\.caBundle/.test(await describedEvents(store())),
    );
  });

  it('and stays in force when the operator starts anew (faults.md 49)', async () => {
    await scenario.restartOperator();
    await scenario.waitForPod(await runNewImage(), 'True', 'AllTrusted');
    const object = await plane.get<WithStatus>(store());
    expect(conditionOf(object, 'Ready')).toMatchObject({ status: 'False', reason: 'InvalidBundle' });
    expect(object.status?.lastGoodBundle).toBe(scenario.chain.rootPem);
  });

  it('who may write the status alone can smuggle no root in by it (faults.md 49)', async () => {
    const stranger = await createChain({ subject: 'C=US,ST=WA,O=Acme,CN=Smuggler' });
    const smuggle = async (): Promise<void> => {
      const status = { status: { lastGoodBundle: `${scenario.chain.rootPem}${stranger.rootPem}` } };
      const { code, stderr } = await patch(store(), status, '--subresource=status');
      expect([code, stderr]).toEqual([
        1,
        expect.stringContaining('status.lastGoodBundle may only be taken over from spec.caBundle, kept, or removed'),
      ]);
    };
    await smuggle();
    await plane.ok(['delete', 'pods', '--all', '-n', scenario.id, '--grace-period=0', '--force']);
    // Nor after what was good is taken away; and that makes nothing trusted, and nothing untrusted.
    const { code } = await patch(store(), { status: { lastGoodBundle: null } }, '--subresource=status');
    expect(code).toBe(0);
    await smuggle();
    await scenario.restartOperator();
    const condition = await scenario.waitForPod(await runNewImage(), 'False', 'Unknown');
    expect(condition.message).toContain(`the trust store ca:${scenario.id} is not in force`);
    const theirs = await scenario.waitForPod(await runNewImage('team/app', stranger), 'False', 'Unknown');
    expect(theirs.message).toContain('is not in force');
  });

  it('all is well when it is mended, and an event says so (faults.md 49)', async () => {
    await patch(store(), { spec: { caBundle: scenario.chain.rootPem } });
    const object = await waitForCondition(store(), 'Ready', 'True', 'CertificatesLoaded');
    expect(object.status?.lastGoodBundle).toBe(scenario.chain.rootPem);
    await scenario.waitForPod(await runNewImage(), 'True', 'AllTrusted');
    await waitFor('an event on the store', async () =>
      /Normal\s+CertificatesLoaded\s/.test(await describedEvents(store())),
    );
  });

  it.each([
    ['ConfigMap', { configMapKeyRef: {} }, 'InvalidBundle'],
    ['Secret', { secretKeyRef: {} }, 'SourceNotFound'],
  ])(
    'of a %s: the last good bundle stays in force until a restart, and then its images are Unknown until it is mended (faults.md 49, 50)',
    async (kind, from, reason) => {
      const name = `${scenario.id}-${kind.toLowerCase()}`;
      const chain = await createChain({ subject: `C=US,ST=WA,O=Acme,CN=From a ${kind}` });
      const source = (text: string): object => ({
        apiVersion: 'v1',
        kind,
        metadata: { name: 'roots', namespace: scenario.id },
        ...(kind === 'Secret' ? { stringData: { 'ca.crt': text } } : { data: { 'ca.crt': text } }),
      });
      const reference = { namespace: scenario.id, name: 'roots', key: 'ca.crt' };
      const caBundleFrom = Object.fromEntries(Object.keys(from).map((key) => [key, reference]));
      await scenario.apply(
        source(chain.rootPem),
        {
          apiVersion: 'sealwatch.dev/v1alpha1',
          kind: 'TrustStore',
          metadata: { name },
          spec: { type: 'ca', caBundleFrom },
        },
        {
          apiVersion: 'sealwatch.dev/v1alpha1',
          kind: 'TrustPolicy',
          metadata: { name },
          spec: {
            version: '1.0',
            trustPolicies: [
              {
                name: 'sourced',
                registryScopes: [`${scenario.registry.host}/team/${kind.toLowerCase()}`],
                signatureVerification: { level: 'strict' },
                trustStores: [`ca:${name}`],
                trustedIdentities: ['*'],
              },
            ],
          },
        },
      );
      const run = (): Promise<string> => runNewImage(`team/${kind.toLowerCase()}`, chain);
      const pod = await run();
      await scenario.waitForPod(pod, 'True', 'AllTrusted');

      const base64 = Buffer.from(chain.rootPem).toString('base64');
      if (reason === 'InvalidBundle') await scenario.apply(source(base64));
      else await plane.ok(['delete', kind, 'roots', '-n', scenario.id]);
      const object = await waitForCondition(`tst/${name}`, 'Ready', 'False', reason);
      const message = conditionOf(object, 'Ready')?.message;
      expect(message).toMatch(
        reason === 'InvalidBundle'
          ? /^ConfigMap \S+\/roots, key ca\.crt: .* found none, but base64 of such blocks: decode it once; /
          : /^Secret \S+\/roots does not exist: create it; /,
      );
      expect(message).toMatch(/the last good bundle \(1 certificate\) stays in force until the operator restarts$/);
      await scenario.waitForPod(await run(), 'True', 'AllTrusted');

      await scenario.restartOperator();
      const condition = await scenario.waitForPod(await run(), 'False', 'Unknown');
      expect(condition.message).toContain(`the trust store ca:${name} is not in force`);
      await scenario.waitForPod(pod, 'False', 'Unknown');
      await scenario.apply(source(chain.rootPem));
      await waitForCondition(`tst/${name}`, 'Ready', 'True', 'CertificatesLoaded');
      await scenario.waitForPod(pod, 'True', 'AllTrusted');
      await plane.ok(['delete', 'tst,tp', name]);
    },
  );
});
