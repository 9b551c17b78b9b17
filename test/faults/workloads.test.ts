import { spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type ControlPlane, startControlPlane } from '../support/control-plane.ts';
import { type CrlAuthority, startCrlAuthority } from '../support/crl-authority.ts';
import { type PushedImage, pushImage } from '../support/images.ts';
import { waitFor } from '../support/processes.ts';
import { type Scenario, startScenario } from '../support/scenario.ts';
import { localClient, signImage } from '../support/signed-images.ts';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts';

/** A CRL is asked for again each second, and holds for longer than any of these tests. */
const CRL_MS = 10 * 60_000;
const REFRESH = ['--revocation-refresh', '1s'];
const GATE = { readinessGates: [{ conditionType: 'sealwatch.dev/ImagesTrusted' }] };
const RUNNING = { running: { startedAt: '2026-01-01T00:00:00Z' } };
const ENDED = { terminated: { exitCode: 0, startedAt: '2026-01-01T00:00:00Z', finishedAt: '2026-01-01T00:00:01Z' } };

let plane: ControlPlane;
beforeAll(async () => {
  plane = await startControlPlane({ controllerManager: true });
  await plane.installCrds();
});
afterAll(() => plane?.stop());

/** Lines of a metric that hold all of these labels. */
async function series({ operator }: Scenario, name: string, ...labels: readonly string[]): Promise<readonly string[]> {
  const { text } = await operator.fetch('/metrics');
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) && labels.every((label) => line.includes(label)));
}

/** Trusts the certificates of an authority in place of the scenario's own. */
async function trustAuthority(scenario: Scenario, { chain }: CrlAuthority): Promise<void> {
  await scenario.trust({ repositories: ['team/app', 'team/signer'] });
  const store = `tst/${scenario.id}-ca`;
  await plane.ok(['patch', store, '--type=merge', '-p', JSON.stringify({ spec: { caBundle: chain.rootPem } })]);
  await plane.ok(['wait', '--for=jsonpath={.status.observedGeneration}=2', store, '--timeout=30s']);
}

describe('an image that is revoked between two sweeps', () => {
  let scenario: Scenario;
  let authority: CrlAuthority;
  beforeAll(async () => {
    authority = await startCrlAuthority(CRL_MS);
    scenario = await startScenario(plane, 'sweeps', { args: REFRESH });
    await trustAuthority(scenario, authority);
    await scenario.keySecret('signer', authority.chain);
  });
  afterAll(async () => {
    await scenario?.stop();
    await authority?.stop();
  });

  interface Told {
    readonly reason: string;
    readonly note: string;
    readonly type: string;
    readonly series?: unknown;
    readonly regarding: { readonly name: string };
  }
  /** The warnings about an object. */
  async function warnings(name: string): Promise<readonly Told[]> {
    const { items } = await plane.get<{ readonly items: readonly Told[] }>('events.events.k8s.io', '-n', scenario.id);
    return items.filter(({ regarding, type }) => regarding.name === name && type === 'Warning');
  }

  const asked = (): number =>
    scenario.aws.requests.filter(({ operation }) => operation === 'GetRevocationStatus').length;
  const signer = (): { readonly profileArn: string } => ({
    profileArn: scenario.profileArn(scenario.id.replaceAll('-', '_')),
  });

  it.each([
    {
      by: 'AWS Signer',
      name: 'signer',
      sign: () => ({ awsSigner: signer() }),
      revoke: (jobArn: string) => scenario.aws.revokeSignature(jobArn),
      reason: 'SigningJobRevoked',
      cause: (jobArn: string) => jobArn,
    },
    {
      by: 'a CRL',
      name: 'app',
      sign: () => ({ key: { secretRef: { name: 'signer' } } }),
      revoke: () => authority.revoke(),
      reason: 'CertificateRevoked',
      cause: () => 'reason keyCompromise',
    },
  ])(
    'by $by: it is told once, with its cause, by condition, event and metric, and not again by sweeps or a restart (faults.md 45)',
    async ({ name, sign, revoke, reason, cause }) => {
      const image = await pushImage(scenario.registry.host, `team/${name}`, 'v1');
      // Its job goes on being swept when that of the other is known to be revoked.
      const other = await pushImage(scenario.registry.host, 'team/signer', `beside-${name}`);
      await scenario.request(`beside-${name}`, { images: [other.reference], sign: { awsSigner: signer() } });
      await scenario.request(name, { images: [image.reference], sign: sign() });
      await scenario.waitForRequest(`beside-${name}`, 'Ready', 'True');
      const request = await scenario.waitForRequest(name, 'Ready', 'True');
      const jobArn = request.status?.images?.[0]?.signatures?.[0]?.jobArn ?? '';
      const pods = [`${name}-1`, `${name}-2`];
      const running = { image: image.reference, imageID: `${image.repository}@${image.digest}` };
      for (const pod of pods) await scenario.runPod(pod, { app: running }, GATE);
      for (const pod of pods) await scenario.waitForPod(pod, 'True', 'AllTrusted');
      expect(await series(scenario, 'sealwatch_flagged_container_info', image.reference)).toEqual([]);

      revoke(jobArn);
      const told = await Promise.all(pods.map((pod) => scenario.waitForPod(pod, 'False', 'Revoked')));
      const { status } = await scenario.waitForRequest(name, 'Revoked', 'True', 'SomeRevoked');
      expect(status?.images?.[0]).toMatchObject({ verdict: 'Revoked', cause: { reason } });
      for (const condition of told) expect(condition.message).toContain(cause(jobArn));
      expect(status?.images?.[0]?.cause?.message).toContain(cause(jobArn));
      const expectTold = async (): Promise<void> => {
        for (const [i, pod] of pods.entries()) {
          const found = await warnings(pod);
          expect(found).toEqual([expect.objectContaining({ reason: 'ImageRevoked' })]);
          expect(found[0]).not.toHaveProperty('series');
          expect(found[0]?.note).toContain(cause(jobArn));
          expect(await scenario.podCondition(pod)).toEqual(told[i]);
        }
        const flagged = await series(scenario, 'sealwatch_flagged_container_info', image.reference);
        expect(flagged).toHaveLength(pods.length);
        for (const line of flagged) expect(line).toMatch(new RegExp(`verdict="Revoked",reason="${reason}"} 1$`));
        expect(await warnings(name)).toEqual([expect.objectContaining({ reason: 'SignatureRevoked' })]);
      };
      await waitFor('the events to be written', async () => {
        const written = await Promise.all([...pods, name].map(warnings));
        return written.every((found) => found.length > 0);
      });
      await expectTold();
      const swept = asked();
      await waitFor('three more sweeps', () => asked() >= swept + 3, 60_000);
      await expectTold();

      await scenario.restartOperator();
      await waitFor('the containers to be flagged again', async () => {
        const flagged = await series(scenario, 'sealwatch_flagged_container_info', image.reference);
        return flagged.length === pods.length;
      });
      await scenario.reconcileNow(name, 'after the restart');
      await expectTold();
    },
  );
});

describe('what the status of a container says of its image', () => {
  let scenario: Scenario;
  let signed: PushedImage;
  let unsigned: PushedImage;
  beforeAll(async () => {
    scenario = await startScenario(plane, 'image-ids');
    await scenario.trust({ repositories: ['team/app'] });
    // The tag has moved since the pods pulled it: whoever goes by it has the wrong digest.
    signed = await pushImage(scenario.registry.host, 'team/app', 'v1', { content: 'first' });
    await signImage(localClient(), signed, scenario.chain);
    unsigned = await pushImage(scenario.registry.host, 'team/app', 'v1', { content: 'second' });
  });
  afterAll(() => scenario?.stop());

  let pods = 0;
  const run = async (imageID: string): Promise<string> => {
    pods += 1;
    await scenario.runPod(`id-${pods}`, { app: { image: signed.reference, imageID } }, GATE);
    return `id-${pods}`;
  };

  it.each<[string, () => string]>([
    ['containerd and CRI-O: repository and digest', () => `${signed.repository}@${signed.digest}`],
    ['dockershim: docker-pullable://', () => `docker-pullable://${signed.repository}@${signed.digest}`],
    ['docker:// before repository and digest', () => `docker://${signed.repository}@${signed.digest}`],
    ['with the tag as well', () => `${signed.reference}@${signed.digest}`],
    ['a mirror with the same content', () => `mirror.example.com:5000/cache/app@${signed.digest}`],
    ['no repository', () => `@${signed.digest}`],
  ])('%s: the right digest is judged (faults.md 47)', async (_form, imageID) => {
    await scenario.waitForPod(await run(imageID()), 'True', 'AllTrusted');
    const other = await scenario.waitForPod(
      await run(imageID().replace(signed.digest, unsigned.digest)),
      'False',
      'Unsigned',
    );
    expect(other.message).toContain('is not signed');
  });

  it.each<[string, () => string, string]>([
    ['a digest alone', () => signed.digest, 'is the id of a config'],
    ['docker://sha256:', () => `docker://${signed.digest}`, 'is the id of a config'],
    ['the id of a config, without sha256:', () => 'c'.repeat(64), 'is the id of a config'],
    ['sha256: and no more', () => 'sha256:', 'names no digest'],
    ['docker:// and no more', () => 'docker://', 'the runtime reports no digest'],
    ['a tag', () => signed.reference, 'names no digest: the runtime reports none, and a tag may have moved'],
    ['docker:// and a tag', () => `docker://${signed.reference}`, 'names no digest'],
    ['half a digest', () => `${signed.repository}@${signed.digest.slice(0, 40)}`, 'names no sha256, sha384 or sha512'],
    ['a digest that nobody verifies', () => `${signed.repository}@md5:${'a'.repeat(32)}`, 'names no sha256'],
    ['nothing, and the container runs', () => '', 'its status has no imageID'],
  ])('%s: Unknown, with its reason, and no digest that was guessed (faults.md 47)', async (_form, imageID, why) => {
    const pod = await run(imageID());
    const condition = await scenario.waitForPod(pod, 'False', 'Unknown');
    expect(condition.message).toContain('which could not be checked: ');
    expect(condition.message).toContain(why);
    expect(await series(scenario, 'sealwatch_flagged_container_info', `pod="${pod}"`)).toEqual([
      expect.stringContaining('verdict="Unknown",reason="ImageIDUnverifiable"} 1'),
    ]);
  });

  const status = (name: string, { reference, repository, digest }: PushedImage, state: object = RUNNING) => ({
    name,
    image: reference,
    imageID: 'waiting' in state ? '' : `${repository}@${digest}`,
    ready: 'running' in state,
    started: 'running' in state,
    restartCount: 0,
    state,
  });
  const tell = (pod: string, change: object): Promise<string> =>
    plane.ok([
      'patch',
      'pod',
      pod,
      '-n',
      scenario.id,
      '--subresource=status',
      '-p',
      JSON.stringify({ status: { phase: 'Running', ...change } }),
    ]);
  const create = (name: string, spec: object): Promise<void> =>
    scenario.apply({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: scenario.id },
      spec: { ...GATE, containers: [{ name: 'app', image: signed.reference }], ...spec },
    });

  it('init containers count while they run, not once they are over; one that waits for its image is not flagged (faults.md 47)', async () => {
    await create('init', { initContainers: [{ name: 'setup', image: signed.reference }] });
    const waiting = status('app', signed, { waiting: { reason: 'PodInitializing' } });
    await tell('init', { initContainerStatuses: [status('setup', unsigned)], containerStatuses: [waiting] });
    const condition = await scenario.waitForPod('init', 'False', 'Unsigned');
    expect(condition.message).toMatch(/^init container setup runs [^;]+$/);
    await tell('init', {
      initContainerStatuses: [status('setup', unsigned, ENDED)],
      containerStatuses: [status('app', signed)],
    });
    await scenario.waitForPod('init', 'True', 'AllTrusted');
  });

  it('a sidecar counts as long as its pod runs, and so does an ephemeral container until it ends (faults.md 47)', async () => {
    await create('kinds', { initContainers: [{ name: 'sidecar', image: signed.reference, restartPolicy: 'Always' }] });
    const app = { containerStatuses: [status('app', signed)] };
    await tell('kinds', { ...app, initContainerStatuses: [status('sidecar', signed)] });
    await scenario.waitForPod('kinds', 'True', 'AllTrusted');
    for (const state of [RUNNING, ENDED]) {
      await tell('kinds', { ...app, initContainerStatuses: [status('sidecar', unsigned, state)] });
      const flagged = await scenario.waitForPod('kinds', 'False', 'Unsigned');
      expect(flagged.message).toMatch(/^init container sidecar runs [^;]+$/);
    }
    await tell('kinds', { ...app, initContainerStatuses: [status('sidecar', signed)] });
    await scenario.waitForPod('kinds', 'True', 'AllTrusted');

    const pod = await plane.get<{ readonly spec: object }>('pod', 'kinds', '-n', scenario.id);
    const debug = {
      name: 'debug',
      image: signed.reference,
      terminationMessagePolicy: 'File',
      imagePullPolicy: 'Always',
    };
    await plane.ok(
      ['replace', '--raw', `/api/v1/namespaces/${scenario.id}/pods/kinds/ephemeralcontainers`, '-f', '-'],
      JSON.stringify({ ...pod, spec: { ...pod.spec, ephemeralContainers: [debug] } }),
    );
    await tell('kinds', { ephemeralContainerStatuses: [status('debug', unsigned)] });
    const flagged = await scenario.waitForPod('kinds', 'False', 'Unsigned');
    expect(flagged.message).toMatch(/^ephemeral container debug runs [^;]+$/);
    await tell('kinds', { ephemeralContainerStatuses: [status('debug', unsigned, ENDED)] });
    await scenario.waitForPod('kinds', 'True', 'AllTrusted');
  });
});

/** Runs the operator in a mount namespace of its own, after `mount` was done there. The folder is $0. */
function mounted(folder: string, mount: string): readonly string[] {
  return ['unshare', '-rm', 'sh', '-c', `${mount}; exec "$@"`, folder];
}
/** Not every machine lets anyone but root mount. */
const canMount = spawnSync('unshare', ['-rm', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0;

describe('the folder of the caches', () => {
  let folder: TemporaryFolder;
  let authority: CrlAuthority;
  let scenario: Scenario | undefined;
  beforeEach(async () => {
    folder = await temporaryFolder('cache');
    authority = await startCrlAuthority(CRL_MS);
  });
  afterEach(async () => {
    await scenario?.stop();
    scenario = undefined;
    await authority.stop();
    await folder.remove();
  });

  const cases: readonly {
    readonly what: string;
    readonly needsMount: boolean;
    readonly within: (path: string) => readonly string[];
    readonly prepare: (path: string) => Promise<unknown>;
    readonly code: string;
  }[] = [
    {
      what: 'on a full disk',
      needsMount: true,
      within: (path) =>
        mounted(path, 'mount -t tmpfs -o size=64k tmpfs "$0" && head -c 1M /dev/zero >"$0/filler" 2>/dev/null'),
      prepare: (path) => mkdir(path),
      code: 'ENOSPC',
    },
    {
      what: 'on a read-only disk',
      needsMount: true,
      within: (path) => mounted(path, 'mount -t tmpfs -o ro tmpfs "$0"'),
      prepare: (path) => mkdir(path),
      code: 'EROFS',
    },
    {
      what: 'that is a file',
      needsMount: false,
      within: () => [],
      prepare: (path) => writeFile(path, ''),
      code: 'ENOTDIR',
    },
  ];
  it.for(cases)(
    '$what: images are judged and revocations told without it, and the log says so once (faults.md 52)',
    async ({ needsMount, within, prepare, code }, { skip }) => {
      skip(needsMount && !canMount, 'this machine lets no user mount a file system');
      const path = join(folder.path, 'revocation');
      await prepare(path);
      scenario = await startScenario(plane, 'disk', {
        args: [...REFRESH, '--revocation-cache-dir', path, '--verdict-cache-dir', path],
        within: within(path),
      });
      await trustAuthority(scenario, authority);
      const image = await pushImage(scenario.registry.host, 'team/app', 'v1');
      await signImage(localClient(), image, authority.chain);
      await scenario.runPod(
        'app',
        { app: { image: image.reference, imageID: `${image.repository}@${image.digest}` } },
        GATE,
      );
      await scenario.waitForPod('app', 'True', 'AllTrusted');
      const fetched = authority.fetches();
      await waitFor('three more CRLs', () => authority.fetches() >= fetched + 3);
      expect(await scenario.podCondition('app')).toMatchObject({ status: 'True' });
      authority.revoke();
      await scenario.waitForPod('app', 'False', 'Revoked');

      for (const cache of ['revocation', 'verdict']) {
        const said = scenario.operator.logs().filter(({ msg }) => String(msg).startsWith(`the ${cache} cache on disk`));
        expect(said).toEqual([expect.objectContaining({ level: 40, folder: path })]);
        // Of a file that is no folder it depends on what is done first: to read below it, or to make it.
        expect(JSON.stringify(said)).toMatch(code === 'EEXIST' ? /EEXIST|ENOTDIR/ : code);
      }
      expect((await scenario.operator.fetch('/readyz')).status).toBe(200);
    },
  );
});
