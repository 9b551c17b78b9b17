import { OciError, parseReference, repositoryName } from '../oci/index.ts';
import { Interned } from './interned.ts';
import type { ContainerKind, ProjectedContainer, ProjectedPod } from './pod.ts';

/** What a container runs: an image that can be verified, or why not (notary.md A10). */
export type RunningImage =
  | {
      readonly kind: 'resolved';
      /** `registry/repository` of the spec's reference. */
      readonly repository: string;
      readonly digest: string;
    }
  | { readonly kind: 'unverifiable'; readonly reason: string }
  /** The kubelet has not said yet. */
  | { readonly kind: 'pending' };

export interface RunningContainer {
  readonly name: string;
  readonly kind: ContainerKind;
  /** As the pod's spec has it. */
  readonly reference: string;
  readonly image: RunningImage;
}

const DIGEST = /^(?:sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})$/;
const BARE_ID = /^[0-9a-f]{64}$/;
const ENDED_PHASES: ReadonlySet<string> = new Set(['Succeeded', 'Failed']);

/** Ten thousand pods run a thousand images: what an imageID says is read, and kept, once. */
const IMAGES = new Interned<RunningImage>();

/** The containers of a pod that run or will run: none of a pod that ended, and no init container that did. */
export function containersOf(pod: ProjectedPod): readonly RunningContainer[] {
  if (ENDED_PHASES.has(pod.phase)) return [];
  return pod.containers
    .filter(({ ended }) => !ended)
    .map((container) => ({
      name: container.name,
      kind: container.kind,
      reference: container.image,
      image: runningImage(container),
    }));
}

function runningImage(container: ProjectedContainer): RunningImage {
  const { image, imageID, running } = container;
  return IMAGES.of(JSON.stringify([image, imageID, running]), () => readRunningImage(container));
}

/**
 * Reads a container status' imageID: `repo@sha256:..`, with `docker-pullable://` or `docker://` before it, a bare
 * config id, or another repository with the same content (notary.md A10; faults.md 47).
 */
function readRunningImage({ image, imageID, running }: ProjectedContainer): RunningImage {
  if (imageID === '' && !running) return { kind: 'pending' };
  const bare = imageID.replace(/^[a-z-]+:\/\//, '');
  const at = bare.lastIndexOf('@');
  if (at === -1) return { kind: 'unverifiable', reason: noDigestReason(bare) };
  const digest = bare.slice(at + 1);
  if (!DIGEST.test(digest)) {
    return {
      kind: 'unverifiable',
      reason: `imageID ${JSON.stringify(bare.slice(0, 200))} names no sha256, sha384 or sha512 digest`,
    };
  }
  const repository = repositoryOf(image) ?? repositoryOf(bare);
  if (repository === undefined) {
    return {
      kind: 'unverifiable',
      reason: `the image ${JSON.stringify(image.slice(0, 200))} is no reference to a registry`,
    };
  }
  return { kind: 'resolved', repository, digest };
}

function noDigestReason(bare: string): string {
  if (bare === '') return 'the container runs, and its status has no imageID: the runtime reports no digest';
  const shown = `imageID ${JSON.stringify(bare.slice(0, 200))}`;
  // CRI-O and dockershim have written it without the algorithm too.
  return DIGEST.test(bare) || BARE_ID.test(bare)
    ? `${shown} is the id of a config, not the digest of a manifest: the image was loaded on the node, or the runtime reports no digest`
    : `${shown} names no digest: the runtime reports none, and a tag may have moved since it was pulled`;
}

/** A spec may name an image by a bare id, as static pods do: then nothing says which repository is meant. */
function repositoryOf(image: string): string | undefined {
  if (BARE_ID.test(image) || DIGEST.test(image)) return undefined;
  try {
    return repositoryName(parseReference(image));
  } catch (error) {
    if (error instanceof OciError) return undefined;
    throw error;
  }
}
