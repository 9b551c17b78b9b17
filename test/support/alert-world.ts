import { signEnvelope } from '../../src/notary/index.ts';
import type { ControlPlane } from './control-plane.ts';
import { type PushedImage, pushImage } from './images.ts';
import { type Chain, createChain } from './pki.ts';
import { freePort } from './ports.ts';
import { waitFor } from './processes.ts';
import { type Scenario, startScenario } from './scenario.ts';
import { attach, localClient, signImage, subjectOf } from './signed-images.ts';

const DAY_MS = 86_400_000;
const REPOSITORY = 'team/app';
const BAD = ['unsigned', 'untrusted', 'expired', 'revoked', 'unknown'] as const;

/** What a Deployment of the world is named after. */
export type Worth = 'trusted' | (typeof BAD)[number];
type RunImage = Pick<PushedImage, 'reference' | 'repository' | 'digest'>;

/** A Deployment for each verdict that an alert tells of and one that is trusted for three more days, and a TrustStore of ten more. */
export class AlertWorld {
  readonly scenario: Scenario;
  /** When the signature of `trusted` expires; in whole seconds, as an envelope has it. */
  readonly expiresAt = wholeSecond(3 * DAY_MS);
  /** When the one certificate of the TrustStore `old` expires. */
  readonly rootExpiresAt = wholeSecond(10 * DAY_MS);
  readonly #plane: ControlPlane;
  readonly #running = new Map<Worth, { readonly image: RunImage; readonly pod: string }>();

  private constructor(plane: ControlPlane, scenario: Scenario) {
    this.#plane = plane;
    this.scenario = scenario;
  }

  /** Starts an operator that leads, and waits until it has told of each of them. */
  static async start(plane: ControlPlane): Promise<AlertWorld> {
    const scenario = await startScenario(plane, 'alerts', { args: ['--lease-namespace', 'sealwatch-system'] });
    const world = new AlertWorld(plane, scenario);
    try {
      await world.#run();
      return world;
    } catch (error) {
      await scenario.stop();
      throw error;
    }
  }

  image(name: Worth): RunImage {
    return this.#of(name).image;
  }

  pod(name: Worth): string {
    return this.#of(name).pod;
  }

  #of(name: Worth): { readonly image: RunImage; readonly pod: string } {
    const found = this.#running.get(name);
    if (found === undefined) throw new Error(`expected the Deployment ${name} to run`);
    return found;
  }

  async #run(): Promise<void> {
    const { scenario } = this;
    const unreachable = `127.0.0.1:${await freePort()}/${REPOSITORY}`;
    await scenario.trust({ repositories: [REPOSITORY], scopes: [unreachable] });
    await this.#trustExpiringRoot();
    await this.#runTrusted();
    await this.#deploy('unsigned', await this.#push('unsigned'));
    await this.#runUntrusted();
    await this.#runExpired();
    await this.#runRevoked();
    const { digest } = this.image('trusted');
    await this.#deploy('unknown', { reference: `${unreachable}:v1`, repository: unreachable, digest });
    for (const name of BAD)
      await scenario.waitForPod(this.pod(name), 'False', `${name.charAt(0).toUpperCase()}${name.slice(1)}`);
    const trusted = `sealwatch_running_containers{namespace="${scenario.id}",verdict="Trusted"}`;
    await waitFor('the trusted pod to be told', () => scenario.operator.metric(trusted));
  }

  /** Runs an image by a Deployment of that name, whose pod a kubelet says to run. */
  async #deploy(name: Worth, image: RunImage): Promise<void> {
    const { scenario } = this;
    await this.#plane.ok(['create', 'deployment', name, '-n', scenario.id, `--image=${image.reference}`]);
    const pod = await waitFor(`the pod of ${name}`, async () => {
      const found = await this.#plane.ok(['get', 'pods', '-n', scenario.id, '-l', `app=${name}`, '-o', 'name']);
      return found.trim().replace('pod/', '') || undefined;
    });
    this.#running.set(name, { image, pod });
    const imageID = `${image.repository}@${image.digest}`;
    await scenario.reportRunning(pod, { app: { image: image.reference, imageID } });
  }

  #push(tag: string): Promise<PushedImage> {
    return pushImage(this.scenario.registry.host, REPOSITORY, tag);
  }

  async #trustExpiringRoot(): Promise<void> {
    const { rootPem } = await createChain({ caName: 'Old', caNotAfter: this.rootExpiresAt });
    await this.scenario.apply({
      apiVersion: 'sealwatch.dev/v1alpha1',
      kind: 'TrustStore',
      metadata: { name: 'old' },
      spec: { type: 'ca', caBundle: rootPem },
    });
    await this.#plane.ok(['wait', '--for=condition=Ready', 'tst/old', '--timeout=30s']);
  }

  async #runTrusted(): Promise<void> {
    const pushed = await this.#push('trusted');
    await signUntil(pushed, this.scenario.chain, new Date(), this.expiresAt);
    await this.#deploy('trusted', pushed);
  }

  async #runUntrusted(): Promise<void> {
    const pushed = await this.#push('untrusted');
    await signImage(localClient(), pushed, await createChain({ caName: 'Stranger' }));
    await this.#deploy('untrusted', pushed);
  }

  async #runExpired(): Promise<void> {
    const pushed = await this.#push('expired');
    const [from, to] = [new Date(Date.now() - 2 * DAY_MS), new Date(Date.now() - DAY_MS)];
    await signUntil(pushed, this.scenario.chain, from, to);
    await this.#deploy('expired', pushed);
  }

  async #runRevoked(): Promise<void> {
    const { scenario } = this;
    const pushed = await this.#push('revoked');
    const profileArn = scenario.profileArn(scenario.id.replaceAll('-', '_'));
    await scenario.request('revoked', { images: [pushed.reference], sign: { awsSigner: { profileArn } } });
    const { status } = await scenario.waitForRequest('revoked', 'Ready', 'True');
    const jobArn = status?.images?.[0]?.signatures?.[0]?.jobArn;
    if (jobArn === undefined) throw new Error('isr/revoked names no signing job in its status');
    scenario.aws.revokeSignature(jobArn);
    await this.#deploy('revoked', pushed);
  }
}

async function signUntil(pushed: PushedImage, chain: Chain, signingTime: Date, expiry: Date): Promise<void> {
  const { certificates, key } = chain;
  const input = { subject: subjectOf(pushed), key, certificates, format: 'JWS', signingTime, expiry } as const;
  const { bytes, mediaType } = await signEnvelope({ ...input, signingAgent: 'test/1' });
  await attach(localClient(), pushed, bytes, mediaType);
}

function wholeSecond(fromNowMs: number): Date {
  return new Date(Math.floor((Date.now() + fromNowMs) / 1_000) * 1_000);
}
