import { describe, expect, it } from 'vitest';
import type { KubernetesObject } from '../../../src/api/object.ts';
import { containersOf, projectPod, WorkloadIndex } from '../../../src/workloads/index.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;
const IMAGE = 'registry.example.com/team/app:v1';
const RUNNING = { running: {} };

function pod(spec: object, status: object, name = 'p') {
  const raw = {
    metadata: { name, namespace: 'n', uid: name, resourceVersion: '1', creationTimestamp: 'x' },
    spec,
    status: { phase: 'Running', ...status },
  };
  return projectPod(raw as unknown as KubernetesObject);
}
const one = (image: string, imageID: string, state: object = RUNNING) =>
  pod({ containers: [{ name: 'app', image }] }, { containerStatuses: [{ name: 'app', imageID, state }] });

describe('what a container runs (A10; faults.md 47)', () => {
  it.each([
    ['repo@digest', IMAGE, `registry.example.com/team/app@${DIGEST}`, 'registry.example.com/team/app'],
    [
      'docker-pullable://',
      IMAGE,
      `docker-pullable://registry.example.com/team/app@${DIGEST}`,
      'registry.example.com/team/app',
    ],
    [
      'another repository with the same content',
      IMAGE,
      `mirror.example.com/x@${DIGEST}`,
      'registry.example.com/team/app',
    ],
    ['a short name', 'nginx', `docker.io/library/nginx@${DIGEST}`, 'docker.io/library/nginx'],
    [
      'a bare id in the spec: the repository of the status',
      'c'.repeat(64),
      `registry.example.com/team/app@${DIGEST}`,
      'registry.example.com/team/app',
    ],
  ])('%s', (_name, image, imageID, repository) => {
    expect(containersOf(one(image, imageID))[0]?.image).toEqual({ kind: 'resolved', repository, digest: DIGEST });
  });

  it.each([
    ['a bare config id', `sha256:${'b'.repeat(64)}`, 'is the id of a config'],
    ['a config id without its algorithm', 'b'.repeat(64), 'is the id of a config'],
    ['a config id of docker', `docker://sha256:${'b'.repeat(64)}`, 'is the id of a config'],
    ['a tag', IMAGE, 'names no digest'],
    ['an algorithm nobody verifies', `registry.example.com/team/app@md5:${'b'.repeat(32)}`, 'names no sha256'],
    ['nothing, of a container that runs', '', 'its status has no imageID'],
  ])('%s is unverifiable, with the reason', (_name, imageID, reason) => {
    expect(containersOf(one(IMAGE, imageID))[0]?.image).toEqual({
      kind: 'unverifiable',
      reason: expect.stringContaining(reason),
    });
  });

  it.each([
    ['waits', { waiting: { reason: 'ContainerCreating' } }],
    ['could not be found again', { terminated: { reason: 'ContainerStatusUnknown' } }],
  ])('an image that the kubelet has not told, of a container that %s, is pending, not bad', (_name, state) => {
    expect(containersOf(one(IMAGE, '', state))[0]?.image).toEqual({ kind: 'pending' });
  });
});

describe('which containers count', () => {
  const status = (name: string, state: object = RUNNING) => ({
    name,
    imageID: `r.example.com/${name}@${DIGEST}`,
    state,
  });
  const spec = {
    initContainers: [
      { name: 'init', image: 'r.example.com/init' },
      { name: 'sidecar', image: 'r.example.com/sidecar', restartPolicy: 'Always' },
    ],
    containers: [{ name: 'app', image: 'r.example.com/app' }],
    ephemeralContainers: [{ name: 'debug', image: 'r.example.com/debug' }],
  };

  it('all three kinds, but no init container that is over; a sidecar stays', () => {
    const running = pod(spec, {
      initContainerStatuses: [status('init', { terminated: {} }), status('sidecar')],
      containerStatuses: [status('app', { terminated: {} })],
      ephemeralContainerStatuses: [status('debug')],
    });
    expect(containersOf(running).map(({ name, kind }) => `${kind} ${name}`)).toEqual([
      'init sidecar',
      'container app',
      'ephemeral debug',
    ]);
  });

  it.each(['Succeeded', 'Failed'])('none of a pod that ended: %s', (phase) => {
    expect(containersOf(pod(spec, { phase, containerStatuses: [status('app')] }))).toEqual([]);
  });
});

describe('the index', () => {
  it('leads from image to pods and back, and says when an image begins and ceases to run', () => {
    const index = new WorkloadIndex();
    const [a, b] = [
      one(IMAGE, `registry.example.com/team/app@${DIGEST}`),
      one(IMAGE, `registry.example.com/team/app@${DIGEST}`),
    ];
    const key = `registry.example.com/team/app@${DIGEST}`;
    expect(index.update('n/a', a).changedImages).toEqual([key]);
    expect(index.update('n/b', b).changedImages).toEqual([]);
    expect(index.podsOf(key)).toEqual(['n/a', 'n/b']);
    expect(index.update('n/a', undefined).changedImages).toEqual([key]);
    index.update('n/b', undefined);
    expect([index.podsOf(key), [...index.images()], index.containersOfPod('n/b')]).toEqual([[], [], []]);
  });

  it('keeps what an image was asked for by, and tells when another reference comes: an index may stand behind it (A9)', () => {
    const index = new WorkloadIndex();
    const imageID = `registry.example.com/team/app@${DIGEST}`;
    const run = (name: string, tag: string) => index.update(name, one(`registry.example.com/team/app:${tag}`, imageID));
    run('n/a', 'v1');
    expect(run('n/b', 'v2').changedImages).toEqual([imageID]);
    expect(run('n/c', 'v2').changedImages).toEqual([]);
    expect(run('n/b', 'v2').changedImages).toEqual([]);
    expect(run('n/c', 'v3').changedImages).toEqual([imageID]);
    expect([...index.referencesOf(imageID)]).toEqual(
      ['v1', 'v2', 'v3'].map((tag) => `registry.example.com/team/app:${tag}`),
    );
    for (let i = 0; i < 100; i += 1) run('n/a', `w${i}`);
    expect([...index.referencesOf(imageID)]).toHaveLength(16);
    for (const name of ['n/a', 'n/b', 'n/c']) index.update(name, undefined);
    expect([...index.referencesOf(imageID)]).toEqual([]);
  });
});

describe('what a pod pulls with', () => {
  it('its own pull secrets, of a great many only the first, and its ServiceAccount', () => {
    const imagePullSecrets = [{ name: 'a' }, {}, ...Array.from({ length: 30 }, (_, i) => ({ name: `s${i}` }))];
    const { pullSecrets, serviceAccount } = pod({ containers: [], imagePullSecrets, serviceAccountName: 'web' }, {});
    expect([pullSecrets.slice(0, 2), pullSecrets.length, serviceAccount]).toEqual([['a', 's0'], 15, 'web']);
    expect(pod({ containers: [] }, {})).toMatchObject({ pullSecrets: [], serviceAccount: 'default' });
  });
});
