import { isDeepStrictEqual } from 'node:util';
import { TRUST_POLICIES } from '../../api/group.ts';
import type { TrustPolicy } from '../../api/trust-policy.ts';
import { createPolicySet, type PolicySet } from '../../verification/index.ts';
import { clusterStores, invalidPolicies } from '../cluster.ts';
import { answered, listAll } from '../cluster-client.ts';
import type { ExitCode } from '../failure.ts';
import { readUserFile } from '../files.ts';
import { type Io, painter, warn, writeJson } from '../io.ts';
import { Progress } from '../progress.ts';
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
import { imagesOf, type RunningImage, runningPods, unnamedContainers } from './pods.ts';
import { changedPolicies, type NewPolicy, parsePolicies } from './policy-file.ts';

export interface PreviewOptions extends NamespaceOptions, CheckOptions {
  readonly filename: string;
}

/**
 * `kubectl sealwatch preview -f FILE`: which running images would change verdict under added or changed TrustPolicies.
 * @returns 0 none to the worse, 1 an image would no longer be trusted, or be refused; 2 it cannot be told of one
 */
export async function previewCommand(options: PreviewOptions, io: Io): Promise<ExitCode> {
  const added = parsePolicies((await readUserFile(options.filename, '--filename')).toString('utf8'), options.filename);
  const progress = new Progress(io.stderr);
  try {
    return await withCluster(options, io, async (cluster) => {
      progress.say('reads pods and policies');
      const namespace = namespaceOf(options, cluster, 'all');
      const [pods, policies] = await Promise.all([
        runningPods(cluster, namespace, io.signal),
        answered(listAll<TrustPolicy>(cluster.client, TRUST_POLICIES, io.signal)),
      ]);
      const now = createPolicySet(policies);
      const then = createPolicySet(changedPolicies(policies, added, io.clock()));
      const images = imagesOf(pods);
      const affected = images.filter((image) => isAffected(image, now, then));
      const check = await createImageCheck(options, { stores: clusterStores(cluster.client, io.signal), io, progress });
      let compared: readonly Comparison[];
      try {
        compared = compare(affected, await check.verify(affected, now), await check.verify(affected, then));
      } finally {
        await check.close();
      }
      progress.done();
      for (const warning of [...invalidPolicies(now), ...conflicts(added, then), ...check.missingStores()])
        warn(io, warning);
      const changed = toTell(compared);
      const counts = { images: images.length, affected: affected.length, unnamedContainers: unnamedContainers(pods) };
      const changes = added.map(({ name }) => ({
        name,
        change: policies.some(({ metadata }) => metadata.name === name) ? 'changed' : 'added',
      }));
      if (options.output === 'json') {
        writeJson(io, {
          cluster: cluster.name,
          namespace: namespace ?? null,
          policies: changes,
          ...counts,
          changes: changed.map(comparisonJson),
        });
      } else {
        const paint = painter(io.stdout);
        const what = changes.map(({ name, change }) => `TrustPolicy ${name} ${change}`).join(', ');
        const touched = `${counts.images} images run ${inNamespace(namespace)}; ${counts.affected} are judged by another statement then`;
        const unnamed =
          counts.unnamedContainers === 0
            ? ''
            : `${counts.unnamedContainers} containers are left out: their images have no digest yet, or none at all\n`;
        const worth =
          changed.length === 0
            ? 'no verdict would change\n'
            : `\n${comparisonTable(changed, paint)}\n${comparisonSum(changed)}`;
        io.stdout.write(`${paint('bold', what)}, in ${cluster.name}\n${touched}\n${unnamed}${worth}`);
      }
      return comparisonExitCode(compared);
    });
  } finally {
    progress.done();
  }
}

/** Another statement applies, or the same with another content: any other image keeps its verdict. */
function isAffected({ repository }: RunningImage, now: PolicySet, then: PolicySet): boolean {
  return !isDeepStrictEqual(now.select(repository), then.select(repository));
}

/** Scopes that an older policy holds: the new one has no effect there (notary.md F2). */
function conflicts(added: readonly NewPolicy[], then: PolicySet): readonly string[] {
  return added.flatMap(({ name }) =>
    (then.states.get(name)?.conflicts ?? []).map(
      ({ scope, statement, claimedBy }) =>
        `TrustPolicy ${name}, statement ${statement}: the scope ${scope} has no effect, the older TrustPolicy ${claimedBy} holds it`,
    ),
  );
}
