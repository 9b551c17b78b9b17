import { expect, it } from 'vitest';
import type { KubernetesObject } from '../../../src/api/object.ts';
import { type ProjectedPod, projectPod, WorkloadIndex } from '../../../src/workloads/index.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;
const IMAGE = `registry.example/app@${DIGEST}`;

function pod(namespace: string): ProjectedPod {
  const image = 'registry.example/app:v1';
  const raw = {
    metadata: { name: 'pod', namespace, uid: namespace, resourceVersion: '1', creationTimestamp: '' },
    spec: { containers: [{ name: 'app', image }] },
    status: { phase: 'Running', containerStatuses: [{ name: 'app', imageID: IMAGE }] },
  };
  return projectPod(raw as KubernetesObject);
}

it('an image is the work of the namespace that runs it, and of the next one when that ceases to', () => {
  const index = new WorkloadIndex();
  expect(index.namespaceOf(IMAGE)).toBe('');
  index.update('shop/pod', pod('shop'));
  index.update('web/pod', pod('web'));
  expect(index.namespaceOf(IMAGE)).toBe('shop');
  index.update('shop/pod', undefined);
  expect(index.namespaceOf(IMAGE)).toBe('web');
});

it('pods share the texts of what they have in common', () => {
  const [one, other] = [pod('shop'), pod('shop')];
  const index = new WorkloadIndex();
  index.update('shop/one', one);
  index.update('shop/other', other);
  const [first] = index.containersOfPod('shop/one');
  const [second] = index.containersOfPod('shop/other');
  expect(first?.image).toMatchObject({ kind: 'resolved', digest: DIGEST });
  expect(first?.image).toBe(second?.image);
});
