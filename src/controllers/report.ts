import type { ResourceType } from '../api/group.ts';
import type { ImageVerdict } from '../api/image-verdict.ts';
import type { ObjectKey } from '../api/object.ts';
import { hasStatus, type Owner, type OwnerResolver } from '../kubernetes/index.ts';
import {
  contentDigest,
  type HeldReport,
  OMITTED_ANNOTATION,
  PAGE_LIMITS,
  pageName,
  REPORT_LABELS,
  type ReportedPod,
  type ReportPage,
  reportPages,
  reportResults,
} from '../reporting/index.ts';
import { namespaceOfKey, type ProjectedPod, type RunningContainer, type WorkloadIndex } from '../workloads/index.ts';
import type { ControllerContext, ReconcileResult } from './context.ts';

/** A report follows what it is about by so much, so that a rollout is a write each few seconds, and not one a pod. */
export const REPORT_DELAY_MS = 5_000;

/** One of the two APIs: what is there, and whether it is served. */
export interface ReportTarget {
  readonly type: ResourceType;
  /** Ours alone. */
  readonly reports: ReadonlyMap<ObjectKey, HeldReport>;
  readonly isServed: () => boolean;
}

export interface ReportControllerOptions {
  readonly context: ControllerContext;
  readonly targets: readonly ReportTarget[];
  readonly pods: ReadonlyMap<ObjectKey, ProjectedPod>;
  readonly workloads: Pick<WorkloadIndex, 'containersOfPod'>;
  readonly verdictOf: (container: RunningContainer) => ImageVerdict | undefined;
  readonly owners: OwnerResolver;
  /** Whether there was time for a first verdict on all that runs: before, a report would lack what it had. */
  readonly isComplete: () => boolean;
}

/** Keeps the reports of each namespace as its pods and verdicts are (design.md, "Running workloads" 4). */
export class ReportController {
  readonly #options: ReportControllerOptions;
  readonly #pods = new Map<string, Set<ObjectKey>>();
  /** By namespace, and by UID of what controls a pod: the top of its owners, which stays the same. */
  readonly #owners = new Map<string, ReadonlyMap<string, Owner>>();
  /** What was last written of a report, by its plural and key: the watch tells it again. */
  readonly #written = new Map<string, string>();
  readonly #refused = new Set<string>();
  readonly #omitted = new Map<string, number>();

  constructor(options: ReportControllerOptions) {
    this.#options = options;
  }

  /** Namespaces that have pods, or a report. */
  namespaces(): ReadonlySet<string> {
    const held = this.#options.targets.flatMap(({ reports }) => [...reports.keys()].map(namespaceOfKey));
    return new Set([...this.#pods.keys(), ...held]);
  }

  /** Results for which there was no room. */
  get omitted(): number {
    let sum = 0;
    for (const omitted of this.#omitted.values()) sum += omitted;
    return sum;
  }

  /** Told of each pod that there is, and of each that is gone. */
  podChanged(key: ObjectKey, isThere: boolean): void {
    const namespace = namespaceOfKey(key);
    const pods = this.#pods.get(namespace) ?? new Set();
    if (isThere) pods.add(key);
    else pods.delete(key);
    if (pods.size === 0) this.#pods.delete(namespace);
    else this.#pods.set(namespace, pods);
  }

  /** Whether a report says something else than what was last written: then its namespace is to be looked at. */
  isForeign({ plural }: ResourceType, key: ObjectKey, now: HeldReport | undefined): boolean {
    return this.#written.get(`${plural}/${key}`) !== now?.digest;
  }

  /** @param namespace whose reports are put right */
  async reconcile(namespace: string, signal: AbortSignal): Promise<ReconcileResult> {
    const targets = this.#options.targets.filter(({ isServed }) => isServed());
    if (targets.length === 0) return {};
    if (!this.#options.isComplete()) return { requeueAfterMs: REPORT_DELAY_MS };
    const pages = reportPages(reportResults(await this.#podsIn(namespace, signal)));
    const [{ omitted } = { omitted: 0 }] = pages;
    if (omitted > 0) this.#omitted.set(namespace, omitted);
    else this.#omitted.delete(namespace);
    for (const target of targets) {
      for (let i = 0; i < PAGE_LIMITS.maxPages; i += 1) {
        signal.throwIfAborted();
        await this.#put(target, `${namespace}/${pageName(i)}`, pages[i], signal);
      }
    }
    return {};
  }

  async #podsIn(namespace: string, signal: AbortSignal): Promise<readonly ReportedPod[]> {
    const { pods, workloads, verdictOf, owners } = this.#options;
    const known = this.#owners.get(namespace);
    const used = new Map<string, Owner>();
    const reported: ReportedPod[] = [];
    for (const key of this.#pods.get(namespace) ?? []) {
      const pod = pods.get(key);
      const containers = workloads.containersOfPod(key);
      if (pod === undefined || containers.length === 0) continue;
      const { name, uid, ownerReferences = [] } = pod.metadata;
      const controller = ownerReferences.find((reference) => reference.controller === true)?.uid;
      let owner: Owner | undefined;
      if (controller !== undefined) {
        owner =
          used.get(controller) ?? known?.get(controller) ?? (await owners.topOwner(ownerReferences, namespace, signal));
        if (owner !== undefined) used.set(controller, owner);
      }
      reported.push({
        resource: owner ?? { apiVersion: 'v1', kind: 'Pod', namespace, name, uid },
        containers: containers.map((container) => {
          const verdict = verdictOf(container);
          return verdict === undefined ? { container } : { container, verdict };
        }),
      });
    }
    if (used.size > 0) this.#owners.set(namespace, used);
    else this.#owners.delete(namespace);
    return reported;
  }

  async #put(target: ReportTarget, key: ObjectKey, page: ReportPage | undefined, signal: AbortSignal): Promise<void> {
    const held = target.reports.get(key);
    const digest = page === undefined ? undefined : contentDigest(page);
    if (held?.digest === digest) return;
    try {
      if (page !== undefined) await this.#write(target.type, key, page, held !== undefined, signal);
      else if (held !== undefined)
        await this.#options.context.client.delete(target.type, key, { uid: held.metadata.uid, signal });
    } catch (error) {
      // The namespace, the report or the API itself is gone meanwhile: the watches tell what is left to do.
      if (hasStatus(error, 404)) return;
      if (!hasStatus(error, 403)) throw error;
      this.#refuse(target.type, key, error);
      return;
    }
    const written = `${target.type.plural}/${key}`;
    if (digest === undefined) this.#written.delete(written);
    else this.#written.set(written, digest);
  }

  async #write(type: ResourceType, key: ObjectKey, page: ReportPage, isThere: boolean, signal: AbortSignal) {
    const { client } = this.#options.context;
    const { summary, results, omitted } = page;
    const annotations = omitted === 0 ? {} : { [OMITTED_ANNOTATION]: String(omitted) };
    const content = { summary, results };
    if (!isThere && (await this.#create(type, key, annotations, content, signal))) return;
    const metadata = { labels: REPORT_LABELS, annotations: { [OMITTED_ANNOTATION]: null, ...annotations } };
    const body = { metadata, ...content };
    await client.patch(type, key, { contentType: 'application/merge-patch+json', body }, { signal });
  }

  /** @returns false: it is there already, as the watch will tell, and is ours */
  async #create(
    type: ResourceType,
    key: ObjectKey,
    annotations: Readonly<Record<string, string>>,
    content: object,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { client, logger } = this.#options.context;
    const namespace = namespaceOfKey(key);
    const name = key.slice(namespace.length + 1);
    const body = {
      apiVersion: `${type.group}/${type.version}`,
      kind: type.kind,
      metadata: { namespace, name, labels: REPORT_LABELS, annotations },
      ...content,
    };
    try {
      await client.create(type, body, { signal });
      return true;
    } catch (error) {
      if (!hasStatus(error, 409)) throw error;
    }
    const { metadata } = await client.getPartial(type, key, { signal });
    const isOurs = Object.entries(REPORT_LABELS).every(([label, value]) => metadata.labels?.[label] === value);
    if (!isOurs && !this.#refused.has(key)) {
      this.#refused.add(key);
      logger.warn(
        { resource: type.plural, object: key },
        'there is another report of this name, without the label app.kubernetes.io/managed-by=sealwatch: it is left as it is; delete it, or set --reports=off',
      );
    }
    return !isOurs;
  }

  #refuse({ plural, group }: ResourceType, key: ObjectKey, error: unknown): void {
    // A namespace that is being deleted takes nothing new: that is no lack of rights.
    if (error instanceof Error && error.message.includes('being terminated')) return;
    if (this.#refused.has(plural)) return;
    this.#refused.add(plural);
    this.#options.context.logger.warn(
      { err: error, resource: plural, object: key },
      `${plural}.${group} may not be written: no reports there until config/rbac/role.yaml is applied; said once`,
    );
  }
}
