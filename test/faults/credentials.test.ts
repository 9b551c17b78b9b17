import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CredentialProvider, RegistryClient } from '../../src/oci/index.ts';
import { type ControlPlane, startControlPlane } from '../support/control-plane.ts';
import { forgeJws } from '../support/forge-jws.ts';
import { type PushedImage, pushImage } from '../support/images.ts';
import { type Chain, createChain } from '../support/pki.ts';
import { waitFor } from '../support/processes.ts';
import { REGISTRY_KINDS } from '../support/registries.ts';
import { type Scenario, startScenario } from '../support/scenario.ts';
import { attach, evaluate, localClient, subjectOf } from '../support/signed-images.ts';
import { startTokenRegistry, type TokenRegistry } from '../support/token-registry.ts';

const USER = { username: 'robot', password: 'correct horse' };

async function sign(client: RegistryClient, image: PushedImage, { key, certificates }: Chain): Promise<void> {
  const payload = JSON.stringify({ targetArtifact: subjectOf(image) });
  const envelope = forgeJws({ key, certificates, alg: 'ES256', now: new Date(), payload });
  await attach(client, image, envelope, 'application/jose+json');
}

describe.each(REGISTRY_KINDS)('a registry that takes tokens, with %s', (kind) => {
  let registry: TokenRegistry;
  let image: PushedImage;
  let chain: Chain;
  const credentials: CredentialProvider = { credentialsFor: async () => ({ kind: 'basic', ...USER }) };
  beforeAll(async () => {
    registry = await startTokenRegistry(kind, USER);
    chain = await createChain();
    image = await pushImage(registry.host, 'team/app', 'v1', { basic: USER });
    await sign(localClient({ credentials }), image, chain);
  });
  afterAll(() => registry?.stop());

  /** Verifies with a new client, and revokes all tokens once the registry gave the image's manifest. */
  async function verifyWhileRevoked(then: () => void = () => undefined): Promise<{
    readonly verdict: string;
    readonly reason: string | undefined;
    readonly tokens: readonly string[];
    readonly refused: number;
  }> {
    const [asked, before] = [registry.tokenRequests.length, registry.requests.length];
    let manifests = 0;
    const client = localClient({
      credentials,
      onRequest: ({ operation }) => {
        manifests += operation === 'manifest' ? 1 : 0;
        // The first is refused, for want of a token.
        if (operation !== 'manifest' || manifests !== 2) return;
        registry.revokeTokens();
        then();
      },
    });
    const { verdict, cause } = await evaluate(client, image, { roots: chain.rootPem });
    const refused = registry.requests.slice(before).filter((request) => request.endsWith(' 401')).length;
    return { verdict, reason: cause?.reason, tokens: registry.tokenRequests.slice(asked), refused };
  }

  it('23: a token that is revoked mid-way costs one refresh and one retry, and changes no verdict', async () => {
    const { verdict, tokens, refused } = await verifyWhileRevoked();
    expect(verdict).toBe('Trusted');
    expect(tokens).toEqual(Array(2).fill('GET basic repository:team/app:pull'));
    expect(refused).toBe(2);
  });

  it('23: credentials that are revoked with it make the verdict Unknown, for want of credentials', async () => {
    const found = await verifyWhileRevoked(() => registry.setPassword('another'));
    registry.setPassword(USER.password);
    expect(found).toMatchObject({ verdict: 'Unknown', reason: 'RegistryDenied' });
    // For each request, with the credentials that served, with those looked for anew, and without any; and the first.
    expect(found.tokens.length).toBeLessThanOrEqual(1 + 2 * 3);
    expect(await verifyWhileRevoked()).toMatchObject({ verdict: 'Trusted' });
  });
});

describe('a Secret that is not there', () => {
  let plane: ControlPlane;
  let scenario: Scenario;
  let registry: TokenRegistry;
  beforeAll(async () => {
    plane = await startControlPlane({ controllerManager: true });
    await plane.installCrds();
    registry = await startTokenRegistry('referrers', { ...USER, separate: true });
    scenario = await startScenario(plane, 'secrets', {
      args: ['--plain-http-hosts', `${registry.host},${registry.tokenHost}`, '--pull-secrets', 'all'],
    });
    await scenario.trust({ repositories: ['unused'] });
    await scenario.apply({
      apiVersion: 'sealwatch.dev/v1alpha1',
      kind: 'TrustPolicy',
      metadata: { name: `${scenario.id}-app` },
      spec: {
        version: '1.0',
        trustPolicies: [
          {
            name: 'app',
            registryScopes: [`${registry.host}/team/app`],
            signatureVerification: { level: 'strict' },
            trustStores: [`ca:${scenario.id}`],
            trustedIdentities: ['*'],
          },
        ],
      },
    });
    await plane.ok(['wait', '--for=condition=Ready', `tp/${scenario.id}-app`, '--timeout=30s']);
  });
  afterAll(async () => {
    await scenario?.stop();
    await registry?.stop();
    await plane?.stop();
  });

  const pullSecret = (name: string): Promise<void> =>
    scenario.apply({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name, namespace: scenario.id },
      type: 'kubernetes.io/dockerconfigjson',
      stringData: { '.dockerconfigjson': JSON.stringify({ auths: { [registry.host]: USER } }) },
    });
  const deleteSecret = (name: string): Promise<string> => plane.ok(['delete', 'secret', name, '-n', scenario.id]);

  it.each(['pull', 'key'])(
    "a request's Secret with %s that is deleted is a clear condition, flags no image, and all is well when it is back (faults.md 50)",
    async (which) => {
      await pullSecret(`${which}-pull`);
      await scenario.keySecret(`${which}-key`);
      const image = await pushImage(registry.host, 'team/app', which, { basic: USER });
      await scenario.request(which, {
        images: [image.reference],
        sign: { key: { secretRef: { name: `${which}-key` } } },
        registry: { secretRefs: [{ name: `${which}-pull` }] },
      });
      await scenario.waitForRequest(which, 'Ready', 'True', 'Succeeded');
      const deleted = `${which}-${which}`;
      await deleteSecret(deleted);
      await plane.ok(['annotate', 'isr', which, '-n', scenario.id, 'sealwatch.dev/reconcile-requested-at=gone']);
      const { status } = await scenario.waitForRequest(which, 'Ready', 'False', 'SecretNotFound');
      const ready = status?.conditions?.find(({ type }) => type === 'Ready');
      expect(ready?.message).toContain(`Secret ${scenario.id}/${deleted} does not exist`);
      expect(status?.images?.[0]?.verdict ?? 'Trusted').toBe('Trusted');
      for (const type of ['Revoked', 'Expired'])
        expect(status?.conditions?.find((condition) => condition.type === type)?.status ?? 'False').not.toBe('True');
      await (which === 'pull' ? pullSecret(deleted) : scenario.keySecret(deleted));
      await scenario.waitForRequest(which, 'Ready', 'True', 'Succeeded');
    },
  );

  it("a pod's pull secret that is not there makes it Unknown, says which, and all is well when it is there (faults.md 50)", async () => {
    const image = await pushImage(registry.host, 'team/app', 'pod', { basic: USER });
    const client = localClient({ credentials: { credentialsFor: async () => ({ kind: 'basic', ...USER }) } });
    await sign(client, image, scenario.chain);
    const running = { image: image.reference, imageID: `${image.repository}@${image.digest}` };
    const readinessGates = [{ conditionType: 'sealwatch.dev/ImagesTrusted' }];
    await scenario.runPod('app', { app: running }, { imagePullSecrets: [{ name: 'regcred' }], readinessGates });
    const condition = await waitFor('the pod to be Unknown for want of its Secret', async () => {
      const found = await scenario.podCondition('app');
      return found?.message.includes('regcred') === true ? found : undefined;
    });
    expect(condition).toMatchObject({ status: 'False', reason: 'Unknown' });
    expect(condition.message).toContain(`Secret ${scenario.id}/regcred does not exist: create it`);
    await pullSecret('regcred');
    await waitFor('the pod to be trusted', async () => (await scenario.podCondition('app'))?.status === 'True', 60_000);
  });

  it("a pod's pull secret that is deleted later: once it is needed, Unknown and which one, never worse, and well when it is back (faults.md 50)", async () => {
    await deleteSecret('regcred');
    // Nothing asks the registry for an hour; an operator that starts must.
    await scenario.restartOperator();
    const condition = await scenario.waitForPod('app', 'False', 'Unknown');
    expect(condition.message).toContain(`Secret ${scenario.id}/regcred does not exist: create it`);
    await pullSecret('regcred');
    await scenario.waitForPod('app', 'True', 'AllTrusted', 60_000);
  });
});
