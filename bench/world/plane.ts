import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { NAMESPACES } from '../../src/api/group.ts';
import { KubernetesClient } from '../../src/kubernetes/index.ts';
import { type ControlPlane, startControlPlane } from '../../test/support/control-plane.ts';
import { inParallel } from '../../test/support/in-parallel.ts';
import { type WorldImage, worldImage } from './images.ts';
import { createOwner, createPods, type NewObject, podPattern } from './pods.ts';

/** Filled planes of earlier runs; may be deleted at any time. */
const CACHE = join(tmpdir(), 'sealwatch-bench');
const CRDS = join(import.meta.dirname, '../../crds');

export interface PlaneContent {
  readonly pods: number;
  readonly images: number;
  readonly namespaces: number;
}

/** Starts a control plane with so many running pods: made through the API once, and then copied. */
export async function startFilledPlane(
  content: PlaneContent,
  options: { readonly auditLog: boolean; readonly say: (line: string) => void },
): Promise<ControlPlane> {
  const folder = join(CACHE, await keyOf(content));
  if (!existsSync(folder)) await fill(content, folder, options.say);
  const plane = await startControlPlane({ etcdData: folder, auditLog: options.auditLog });
  return plane;
}

/** A client as the plane's administrator. */
export function administrator(plane: ControlPlane): KubernetesClient {
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromFile(plane.kubeconfigPath);
  return new KubernetesClient(kubeConfig, { userAgent: 'sealwatch-bench' });
}

async function fill(content: PlaneContent, folder: string, say: (line: string) => void): Promise<void> {
  const began = performance.now();
  const plane = await startControlPlane();
  const kubernetes = administrator(plane);
  try {
    await plane.installCrds();
    const images = Array.from({ length: content.images }, (_, i) => worldImage(i, content.namespaces));
    for (const name of new Set(images.map(({ namespace }) => namespace))) {
      const namespace: NewObject = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
      await kubernetes.create(NAMESPACES, namespace);
    }
    const owners = new Map<WorldImage, Awaited<ReturnType<typeof createOwner>>>();
    await inParallel(images, 32, async (image) => {
      owners.set(image, await createOwner(kubernetes, image));
    });
    await createPods(kubernetes, podsOf(content.pods, images, owners));
    const { etcdUrl } = plane;
    say(`made ${content.pods} pods of ${content.images} images in ${seconds(began)} s (${etcdUrl})`);
  } catch (error) {
    await kubernetes.close();
    await plane.stop();
    throw error;
  }
  await kubernetes.close();
  const unfinished = `${folder}.${process.pid}`;
  await plane.keepData(unfinished);
  try {
    await rename(unfinished, folder);
  } catch (error) {
    // Another run made the same world meanwhile.
    if (!existsSync(folder)) throw error;
    await rm(unfinished, { recursive: true, force: true });
  }
}

function* podsOf<O>(
  count: number,
  images: readonly WorldImage[],
  owners: ReadonlyMap<WorldImage, O>,
): Iterable<{ readonly image: WorldImage; readonly number: number; readonly owner: O }> {
  for (let number = 0; number < count; number += 1) {
    const image = images[number % images.length];
    const owner = image === undefined ? undefined : owners.get(image);
    if (image === undefined || owner === undefined) throw new Error('a world needs images');
    yield { image, number, owner };
  }
}

/** Other pods, or other CRDs, are another world. */
async function keyOf(content: PlaneContent): Promise<string> {
  const crds = (await readdir(CRDS)).toSorted().map((name) => join(CRDS, name));
  const texts = await Promise.all(crds.map((path) => readFile(path, 'utf8')));
  const pattern = podPattern(worldImage(1, content.namespaces));
  const digest = createHash('sha256')
    .update(JSON.stringify([content, texts, pattern]))
    .digest('hex')
    .slice(0, 12);
  return `${content.pods}-pods-${content.images}-images-${digest}`;
}

function seconds(began: number): string {
  return ((performance.now() - began) / 1000).toFixed(1);
}
