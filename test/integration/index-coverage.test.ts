import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ImageSignatureRequest } from '../../src/api/image-signature-request.ts';
import { type PushedImage, pushImage } from '../support/images.ts';
import { waitFor } from '../support/processes.ts';
import { REGISTRY_KINDS } from '../support/registries.ts';
import { type Scenario, startScenario } from '../support/scenario.ts';
import { sharedControlPlane } from '../support/shared-control-plane.ts';

const GATE = { readinessGates: [{ conditionType: 'sealwatch.dev/ImagesTrusted' }] };
const PLATFORMS = ['linux/amd64', 'linux/arm64'];

describe.each(REGISTRY_KINDS)('an index that is signed, on a registry with %s (A9)', (kind) => {
  let scenario: Scenario;
  let image: PushedImage;
  /** Digest of the manifest for arm64: what a node of that kind runs. */
  let platform: string;

  beforeAll(async () => {
    scenario = await startScenario(sharedControlPlane(), `index-${kind}`, { registry: kind });
    await scenario.trust({ repositories: ['team/app'] });
    image = await pushImage(scenario.registry.host, 'team/app', 'v1', { platforms: PLATFORMS });
    platform = await platformOf(image.reference);
    const awsSigner = { profileArn: scenario.profileArn(scenario.id.replaceAll('-', '_')) };
    await scenario.request('sign', { images: [image.reference], sign: { awsSigner } });
    await scenario.waitForRequest('sign', 'Ready', 'True');
  });
  afterAll(() => scenario?.stop());

  async function platformOf(reference: string): Promise<string> {
    const [repository, tag] = reference.slice(reference.indexOf('/') + 1).split(':');
    const response = await fetch(`http://${scenario.registry.host}/v2/${repository}/manifests/${tag}`, {
      headers: { accept: 'application/vnd.oci.image.index.v1+json' },
    });
    const index = (await response.json()) as {
      readonly manifests: readonly { readonly digest: string; readonly platform: { readonly architecture: string } }[];
    };
    return index.manifests.find((entry) => entry.platform.architecture === 'arm64')?.digest ?? '';
  }

  async function reconcileNow(name: string, at: string): Promise<ImageSignatureRequest> {
    const annotation = `sealwatch.dev/reconcile-requested-at=${at}`;
    await scenario.plane.ok(['annotate', '--overwrite', 'isr', name, '-n', scenario.id, annotation]);
    return waitFor(`${annotation} to be handled`, async () => {
      const request = await scenario.getRequest(name);
      return request.status?.lastHandledReconcileAt === at ? request : undefined;
    });
  }

  it('covers the platform manifest that runs, and the pod says by which index', async () => {
    const { reference, repository, digest } = image;
    await scenario.runPod('arm', { app: { image: reference, imageID: `${repository}@${platform}` } }, GATE);
    const condition = await scenario.waitForPod('arm', 'True', 'AllTrusted');
    expect(condition.message).toContain(`app (index ${digest})`);
  });

  it('covers a request by the digest of the platform manifest, and its status says so', async () => {
    await scenario.request('platform', { images: [`${image.reference}@${platform}`] });
    const { status } = await scenario.waitForRequest('platform', 'Verified', 'True', 'AllVerified');
    expect(status?.images?.[0]).toMatchObject({
      digest: platform,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      verdict: 'Trusted',
      coveredBy: { digest: image.digest },
      signatures: [{ index: image.digest, verdict: 'Trusted' }],
    });
    const verified = status?.conditions?.find(({ type }) => type === 'Verified');
    expect(verified?.message).toBe('1 image trusted, 1 of them by the signature of an index that lists it');
  });

  it('goes on covering what runs when its tag moves; what the tag names then is not covered', async () => {
    const moved = await pushImage(scenario.registry.host, 'team/app', 'v1', { platforms: PLATFORMS, content: 'other' });
    const request = await reconcileNow('platform', 'moved');
    expect(request.status?.images?.[0]).toMatchObject({ verdict: 'Trusted', coveredBy: { digest: image.digest } });
    const imageID = `${moved.repository}@${await platformOf(moved.reference)}`;
    await scenario.runPod('new', { app: { image: moved.reference, imageID } });
    const condition = await scenario.waitForPod('new', 'False', 'Unsigned');
    expect(condition.message).toMatch(/has no Notary Project signature; its index sha256:[0-9a-f]{12} has none either/);
    expect((await scenario.podCondition('arm'))?.status).toBe('True');
  });

  it('covers the request also after a restart: its status names the index that the tag left', async () => {
    await scenario.restartOperator();
    const request = await reconcileNow('platform', 'restarted');
    expect(request.status?.images?.[0]).toMatchObject({ verdict: 'Trusted', coveredBy: { digest: image.digest } });
  });

  it('flags the platform manifest when its signature is revoked, and names index and job', async () => {
    const { status } = await scenario.getRequest('platform');
    const jobArn = status?.images?.[0]?.signatures?.[0]?.jobArn ?? '';
    scenario.aws.revokeSignature(jobArn);
    const condition = await scenario.waitForPod('arm', 'False', 'Revoked', 15_000);
    expect(condition.message).toContain(`of its index ${image.digest.slice(0, 19)}`);
    expect(condition.message).toContain(jobArn);
    const revoked = await scenario.waitForRequest('platform', 'Revoked', 'True', 'SomeRevoked');
    expect(revoked.status?.images?.[0]).toMatchObject({ verdict: 'Revoked', coveredBy: { digest: image.digest } });
  });
});
