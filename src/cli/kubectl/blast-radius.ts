import { IMAGE_SIGNATURE_REQUESTS, TRUST_POLICIES } from '../../api/group.ts';
import type { ImageSignatureRequest } from '../../api/image-signature-request.ts';
import type { TrustPolicy } from '../../api/trust-policy.ts';
import { createPolicySet } from '../../verification/index.ts';
import { clusterStores, invalidPolicies } from '../cluster.ts';
import { answered, listAll } from '../cluster-client.ts';
import type { ExitCode } from '../failure.ts';
import { type Io, painter, warn, writeJson } from '../io.ts';
import { Progress } from '../progress.ts';
import { previewOf } from '../signer-preview.ts';
import {
  type Comparison,
  compare,
  comparisonExitCode,
  comparisonJson,
  comparisonSum,
  comparisonTable,
  toTell,
} from './comparison.ts';
import { createImageCheck } from './image-check.ts';
import { type CheckOptions, inNamespace, type NamespaceOptions, namespaceOf, withCluster } from './options.ts';
import { imagesOf, runningPods, unnamedContainers } from './pods.ts';
import { PretendedRevocation, parseTarget, type Seen } from './pretended.ts';

export interface BlastRadiusOptions extends NamespaceOptions, CheckOptions {
  readonly effectiveTime?: Date;
}

/**
 * `kubectl sealwatch blast-radius TARGET`: which running images a revocation would make not trusted, before it is done.
 * Each is verified now, and again as if the target were revoked: so an image with another good signature is not hit, nor
 * one whose policy only logs revocation.
 * @returns 0 none is hit, 1 one is, 2 it cannot be told of one
 */
export async function blastRadiusCommand(text: string, options: BlastRadiusOptions, io: Io): Promise<ExitCode> {
  const target = parseTarget(text, options.effectiveTime);
  const progress = new Progress(io.stderr);
  try {
    return await withCluster(options, io, async (cluster) => {
      progress.say('reads pods, policies and requests');
      const { client } = cluster;
      const namespace = namespaceOf(options, cluster, 'all');
      const [pods, policies, requests] = await Promise.all([
        runningPods(cluster, namespace, io.signal),
        answered(listAll<TrustPolicy>(client, TRUST_POLICIES, io.signal)),
        answered(listAll<ImageSignatureRequest>(client, IMAGE_SIGNATURE_REQUESTS, io.signal, { namespace })),
      ]);
      const set = createPolicySet(policies);
      const images = imagesOf(pods);
      // What no statement covers has no verdict to lose.
      const covered = images.filter(({ repository }) => set.select(repository) !== undefined);
      const pretended = new PretendedRevocation(target);
      const stores = clusterStores(client, io.signal);
      const check = await createImageCheck(options, { stores, around: pretended.around, io, progress });
      let compared: readonly Comparison[];
      try {
        const before = await check.verify(covered, set);
        pretended.revoke();
        compared = compare(covered, before, await check.verify(covered, set));
      } finally {
        await check.close();
      }
      progress.done();
      const told = [...invalidPolicies(set), ...check.missingStores(), ...seenWords(pretended.seen)];
      for (const warning of told) warn(io, warning);
      const changed = toTell(compared);
      const recorded = target.kind === 'certificate' ? null : previewOf(target, requests, policies, []);
      const counts = { images: images.length, verified: covered.length, unnamedContainers: unnamedContainers(pods) };
      if (options.output === 'json') {
        writeJson(io, {
          cluster: cluster.name,
          namespace: namespace ?? null,
          target: text,
          signaturesHit: pretended.seen.hits,
          ...counts,
          changes: changed.map(comparisonJson),
          signatures: recorded?.signatures ?? null,
          policies: recorded?.policies ?? null,
        });
      } else {
        const paint = painter(io.stdout);
        const worth =
          changed.length === 0
            ? `no running image would lose its trust: ${hitWords(pretended.seen)}\n`
            : `\n${comparisonTable(changed, paint)}\n${comparisonSum(changed)}`;
        const where = `${counts.images} images run ${inNamespace(namespace)}; ${counts.verified} are in a policy's scope, and were verified`;
        io.stdout.write(
          [
            `${paint('bold', `If ${text} were revoked`)}, in ${cluster.name}\n`,
            `${where}\n`,
            counts.unnamedContainers === 0
              ? ''
              : `${counts.unnamedContainers} containers are left out: their images have no digest yet, or none at all\n`,
            worth,
            recorded === null || recorded.signatures.length === 0
              ? ''
              : `requests with such a signature: ${[...new Set(recorded.signatures.map(({ request }) => request))].join(', ')}\n`,
            recorded === null || recorded.policies.length === 0
              ? ''
              : `TrustPolicies that name it: ${recorded.policies.map(({ name }) => name).join(', ')}\n`,
          ].join(''),
        );
      }
      return comparisonExitCode(compared);
    });
  } finally {
    progress.done();
  }
}

function hitWords({ hits }: Seen): string {
  return hits === 0
    ? 'no signature that was tried is of it'
    : `${hits} signatures are of it, and each image has another good one, or a policy that only logs revocation`;
}

function seenWords({ roots, unrevocable }: Seen): readonly string[] {
  return [
    ...(roots === 0
      ? []
      : ['the certificate is the root of chains, and a root is not revoked: take it out of its TrustStore instead']),
    ...(unrevocable === 0
      ? []
      : ['the certificate names neither an OCSP responder nor a CRL: nobody would learn of its revocation']),
  ];
}
