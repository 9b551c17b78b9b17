import { IMAGE_SIGNATURE_REQUESTS } from '../../api/group.ts';
import type { ImageSignatureRequest, ImageStatus } from '../../api/image-signature-request.ts';
import { imageKey, shortDigest } from '../../verification/index.ts';
import { answered, listAll } from '../cluster-client.ts';
import { EXIT, type ExitCode } from '../failure.ts';
import { type Io, painter, writeJson } from '../io.ts';
import { Progress } from '../progress.ts';
import { renderTable } from '../table.ts';
import { agoOf } from './operator-state.ts';
import { inNamespace, type NamespaceOptions, namespaceOf, withCluster } from './options.ts';
import { imagesOf, type RunningPod, runningPods, shortWorkloads } from './pods.ts';
import { repositoryOf } from './standing.ts';

export interface ExpiringOptions extends NamespaceOptions {
  /** Milliseconds. */
  readonly within: number;
}

/** An image whose last good signature ends soon, or has ended. */
export interface Expiring {
  readonly expiresAt: string;
  readonly image: string;
  readonly digest: string;
  /** `namespace/name` of the request whose status says so. */
  readonly request: string;
  /** That run it. */
  readonly workloads: readonly string[];
}

/**
 * `kubectl sealwatch expiring`: images of requests whose last good signature expires within a time, or has expired.
 * @returns 0 none does, 1 one does. What runs and no request names is counted: when it expires, no status says
 */
export async function expiringCommand(options: ExpiringOptions, io: Io): Promise<ExitCode> {
  const progress = new Progress(io.stderr);
  try {
    return await withCluster(options, io, async (cluster) => {
      progress.say('reads pods and requests');
      const namespace = namespaceOf(options, cluster, 'current');
      const [pods, requests] = await Promise.all([
        runningPods(cluster, namespace, io.signal),
        answered(listAll<ImageSignatureRequest>(cluster.client, IMAGE_SIGNATURE_REQUESTS, io.signal, { namespace })),
      ]);
      progress.done();
      const now = io.clock();
      const until = new Date(now.getTime() + options.within);
      const { expiring, unrequested } = expiringImages(requests, pods, until);
      const flagged = pods.filter(({ condition }) => condition?.status === 'False' && condition.reason === 'Expired');
      if (options.output === 'json') {
        writeJson(io, {
          cluster: cluster.name,
          namespace: namespace ?? null,
          until: until.toISOString(),
          images: expiring,
          expiredPods: flagged.map((pod) => `${pod.namespace}/${pod.name}`),
          unrequestedImages: unrequested,
        });
      } else {
        io.stdout.write(expiringText({ expiring, unrequested, flagged, now, until, namespace }, io));
      }
      return expiring.length > 0 || flagged.length > 0 ? EXIT.notTrusted : EXIT.done;
    });
  } finally {
    progress.done();
  }
}

/**
 * The images of requests that are trusted until some time at most, first the one that ends first; and how many distinct
 * images run that no request names.
 */
export function expiringImages(
  requests: readonly ImageSignatureRequest[],
  pods: readonly RunningPod[],
  until: Date,
): { readonly expiring: readonly Expiring[]; readonly unrequested: number } {
  const running = new Map(imagesOf(pods).map((image) => [image.key, image]));
  const named = requests.flatMap(({ metadata, status }) =>
    (status?.images ?? []).flatMap((image) => {
      const repository = repositoryOf(image.reference);
      if (image.digest === undefined || repository === undefined) return [];
      const key = imageKey(repository, image.digest);
      const request = `${metadata.namespace}/${metadata.name}`;
      return [{ key, image, digest: image.digest, request, workloads: running.get(key)?.workloads ?? [] }];
    }),
  );
  const keys = new Set(named.map(({ key }) => key));
  const expiring = named
    .flatMap(({ image, digest, request, workloads }) => {
      const expiresAt = expiryOf(image);
      return expiresAt === undefined || Date.parse(expiresAt) > until.getTime()
        ? []
        : [{ expiresAt, image: image.reference, digest, request, workloads }];
    })
    .toSorted((a, b) => Date.parse(a.expiresAt) - Date.parse(b.expiresAt) || (a.request < b.request ? -1 : 1));
  return { expiring, unrequested: [...running.keys()].filter((key) => !keys.has(key)).length };
}

/**
 * When the last signature of an image that counts ends; undefined: never, or there is none. Those that pass count; where
 * none does those that may once a fault is over, and then those that have expired.
 */
function expiryOf({ signatures = [] }: ImageStatus): string | undefined {
  for (const rank of ['Trusted', 'Unknown', 'Expired'] as const) {
    const counting = signatures.filter(({ verdict }) => verdict === rank).map(({ expiresAt }) => expiresAt);
    if (counting.length === 0) continue;
    const ending = counting.filter((expiresAt) => expiresAt !== undefined);
    if (ending.length < counting.length) return undefined;
    return ending.toSorted((a, b) => Date.parse(b) - Date.parse(a))[0];
  }
  return undefined;
}

interface Told {
  readonly expiring: readonly Expiring[];
  readonly unrequested: number;
  readonly flagged: readonly RunningPod[];
  readonly now: Date;
  readonly until: Date;
  readonly namespace: string | undefined;
}

function expiringText({ expiring, unrequested, flagged, now, until, namespace }: Told, io: Io): string {
  const paint = painter(io.stdout);
  const table = renderTable(
    [
      { head: 'EXPIRES' },
      { head: 'IN', style: (cell) => (cell.endsWith(' ago') ? 'red' : 'yellow') },
      { head: 'REQUEST', max: 50 },
    ],
    expiring.map(({ expiresAt, image, digest, request, workloads }) => {
      const distance = agoOf(new Date(expiresAt), now);
      const isOver = Date.parse(expiresAt) <= now.getTime();
      return {
        cells: [expiresAt, isOver ? `${distance} ago` : distance, request],
        text: workloads.length === 0 ? 'none here' : shortWorkloads(workloads),
        below: [`${image} (${shortDigest(digest)})`],
      };
    }),
    paint,
    'WORKLOADS',
  );
  const day = `${until.toISOString().slice(0, 19)}Z`;
  const noun = expiring.length === 1 ? 'image that a request names expires' : 'images that requests name expire';
  const sum = paint('bold', `${expiring.length} ${noun} by ${day} ${inNamespace(namespace)}`);
  const names = flagged.slice(0, 10).map((pod) => `${pod.namespace}/${pod.name}`);
  const more = flagged.length > names.length ? ` and ${flagged.length - names.length} more` : '';
  return [
    ...(expiring.length === 0 ? [] : [table, '\n']),
    `${sum}\n`,
    ...(flagged.length === 0 ? [] : [`flagged as Expired already: ${names.join(', ')}${more}\n`]),
    ...(unrequested === 0
      ? []
      : [`${unrequested} running images are named by no request here: no status says when they expire\n`]),
  ].join('');
}
