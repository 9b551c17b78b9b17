import { POD_CONDITION } from '../api/group.ts';
import type { KubernetesObject, ObjectMeta, OwnerReference } from '../api/object.ts';
import { Interned } from './interned.ts';

/** The pod condition of ours, as far as it is compared. */
export interface PodImagesCondition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly lastTransitionTime: string;
}

export type ContainerKind = 'container' | 'init' | 'ephemeral';

/** One container of a pod: what its spec asks for, and what its status says of it. */
export interface ProjectedContainer {
  readonly name: string;
  readonly kind: ContainerKind;
  /** spec's image. */
  readonly image: string;
  /** status' imageID; empty until the kubelet knows it. */
  readonly imageID: string;
  /** It runs now: by then the kubelet knows its image. */
  readonly running: boolean;
  /** It ran to its end and will not run again. */
  readonly ended: boolean;
}

/** What is kept of a pod: nothing else of it stays in memory. */
export interface ProjectedPod extends KubernetesObject {
  readonly metadata: ObjectMeta & { readonly namespace: string };
  readonly phase: string;
  readonly readinessGate: boolean;
  /** Names of its imagePullSecrets; of a great many only the first. */
  readonly pullSecrets: readonly string[];
  readonly serviceAccount: string;
  readonly containers: readonly ProjectedContainer[];
  readonly condition?: PodImagesCondition;
}

interface RawContainer {
  readonly name?: string;
  readonly image?: string;
  readonly restartPolicy?: string;
}
interface RawStatus {
  readonly name?: string;
  readonly imageID?: string;
  readonly state?: { readonly running?: unknown; readonly terminated?: unknown };
}
interface RawPod extends KubernetesObject {
  readonly spec?: {
    readonly containers?: readonly RawContainer[];
    readonly initContainers?: readonly RawContainer[];
    readonly ephemeralContainers?: readonly RawContainer[];
    readonly imagePullSecrets?: readonly { readonly name?: string }[];
    readonly serviceAccountName?: string;
    readonly readinessGates?: readonly { readonly conditionType?: string }[];
  };
  readonly status?: {
    readonly phase?: string;
    readonly containerStatuses?: readonly RawStatus[];
    readonly initContainerStatuses?: readonly RawStatus[];
    readonly ephemeralContainerStatuses?: readonly RawStatus[];
    readonly conditions?: readonly Partial<PodImagesCondition>[];
  };
}

const MAX_PULL_SECRETS = 16;
/** Pods are many, and what they name is few: each text is kept once, and each list of owners. */
const TEXTS = new Interned<string>();
const OWNERS = new Interned<readonly OwnerReference[]>();
const NO_NAMES: readonly string[] = [];
const NO_SECRETS: readonly { readonly name?: string }[] = [];

/** Keeps what Sealwatch needs of a pod. */
export function projectPod(object: KubernetesObject): ProjectedPod {
  const { spec, status, metadata } = object as RawPod;
  const condition = status?.conditions?.find(({ type }) => type === POD_CONDITION);
  const {
    name,
    namespace = '',
    uid,
    resourceVersion,
    creationTimestamp,
    deletionTimestamp,
    ownerReferences,
  } = metadata;
  return {
    metadata: {
      name,
      namespace: text(namespace),
      uid,
      resourceVersion,
      creationTimestamp,
      ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
      ...(ownerReferences === undefined ? {} : { ownerReferences: controllers(ownerReferences) }),
    },
    phase: text(status?.phase ?? ''),
    readinessGate: spec?.readinessGates?.some(({ conditionType }) => conditionType === POD_CONDITION) === true,
    pullSecrets: pullSecretNames(spec?.imagePullSecrets ?? NO_SECRETS),
    serviceAccount: text(spec?.serviceAccountName ?? 'default'),
    containers: [
      ...join('init', spec?.initContainers, status?.initContainerStatuses),
      ...join('container', spec?.containers, status?.containerStatuses),
      ...join('ephemeral', spec?.ephemeralContainers, status?.ephemeralContainerStatuses),
    ],
    ...(condition === undefined
      ? {}
      : {
          condition: {
            type: POD_CONDITION,
            status: condition.status ?? '',
            reason: condition.reason ?? '',
            message: condition.message ?? '',
            lastTransitionTime: condition.lastTransitionTime ?? '',
          },
        }),
  };
}

function text(value: string): string {
  return TEXTS.of(value, () => value);
}

/** Of the owners only the one that controls the object leads to its workload. */
function controllers(references: readonly OwnerReference[]): readonly OwnerReference[] {
  const controller = references.find((reference) => reference.controller === true);
  if (controller === undefined) return [];
  const { apiVersion, kind, name, uid } = controller;
  return OWNERS.of(JSON.stringify([apiVersion, kind, name, uid]), () => [
    { apiVersion, kind, name, uid, controller: true },
  ]);
}

function pullSecretNames(references: readonly { readonly name?: string }[]): readonly string[] {
  if (references.length === 0) return NO_NAMES;
  return references
    .slice(0, MAX_PULL_SECRETS)
    .flatMap(({ name }) => (name === undefined || name === '' ? [] : [text(name)]));
}

function join(
  kind: ContainerKind,
  specs: readonly RawContainer[] = [],
  statuses: readonly RawStatus[] = [],
): ProjectedContainer[] {
  return specs.map(({ name = '', image = '', restartPolicy }) => {
    const status = statuses.find((candidate) => candidate.name === name);
    // A sidecar (an init container that restarts) runs as long as its pod; an ordinary one is over once it ended.
    const mayEnd = kind !== 'container' && restartPolicy !== 'Always';
    return {
      name: text(name),
      kind,
      image: text(image),
      imageID: text(status?.imageID ?? ''),
      running: status?.state?.running !== undefined,
      ended: mayEnd && status?.state?.terminated !== undefined,
    };
  });
}
