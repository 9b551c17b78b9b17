import type { VerdictType } from '../../api/verdict.ts';
import type { Statement } from '../../notary/index.ts';
import { parseReference } from '../../oci/index.ts';
import { type ImageEvaluation, ImageVerifier, type PolicySet } from '../../verification/index.ts';
import type { Io } from '../io.ts';
import { mapBounded } from '../map-bounded.ts';
import type { Progress } from '../progress.ts';
import { type AroundRevocation, createServices } from '../services.ts';
import { openRegistries } from '../target.ts';
import type { LoadedStores, TrustSource } from '../trust-source.ts';
import type { CheckOptions } from './options.ts';
import type { RunningImage } from './pods.ts';

/** Images verified at once: enough to hide the latency of registries, few enough not to be throttled by them. */
const CONCURRENCY = 8;
/** What one verification read, the next one of the same image takes from here. */
const SIGNATURE_CACHE_BYTES = 64 * 1024 * 1024;

/** What to verify: a running image, or one like it. */
export type CheckedImage = Pick<RunningImage, 'key' | 'references'>;

/** Verifies images of a cluster, from here: with the user's own credentials, over the user's own network. */
export interface ImageCheck {
  /**
   * The verdicts on images under policies, in their order. The registry is asked for each image once: the second time, under
   * other policies, what it said is judged again.
   */
  readonly verify: (images: readonly CheckedImage[], policies: PolicySet) => Promise<readonly ImageEvaluation[]>;
  /** What is wrong with the trust stores that were needed so far: sentences. */
  readonly missingStores: () => readonly string[];
  readonly close: () => Promise<void>;
}

interface CheckParts {
  readonly stores: TrustSource['stores'];
  readonly around?: AroundRevocation;
  readonly io: Io;
  readonly progress: Progress;
}

/** Puts it together; nothing is asked yet. @throws UsageError where a flag or Docker's config cannot be used */
export async function createImageCheck(options: CheckOptions, parts: CheckParts): Promise<ImageCheck> {
  const { io, progress, stores, around } = parts;
  const { plainHttpHosts = [], maxSignatures, allowAddresses, awsEndpoint } = options;
  const isPlain = (host: string): boolean => plainHttpHosts.includes(host);
  // What is under way is told by the count of images: the requests of eight at once say nothing.
  const registries = await openRegistries(options, isPlain, io, { say: () => undefined });
  const services = createServices(
    {
      ...(allowAddresses === undefined ? {} : { allowAddresses }),
      ...(awsEndpoint === undefined ? {} : { awsEndpoint }),
      ...(around === undefined ? {} : { around }),
    },
    io.env,
  );
  const loaded = new Map<Statement, Promise<LoadedStores>>();
  const inForce = new Set<LoadedStores>();
  const asked = new Set<string>();
  let policies: PolicySet = { select: () => undefined, states: new Map() };
  const verifier = new ImageVerifier({
    policies: () => policies,
    findTrustStore: (type, name) =>
      [...inForce].map(({ find }) => find(type, name)).find((store) => store !== undefined),
    plugins: services.plugins,
    checkRevocation: services.checkRevocation,
    verifyTimestamp: services.verifyTimestamp,
    clock: io.clock,
    maxSignatures,
    keptListMaxAgeMs: 0,
    signatureCacheBytes: SIGNATURE_CACHE_BYTES,
  });
  const loadStores = async (statement: Statement): Promise<void> => {
    const held = loaded.get(statement) ?? stores(statement, io.signal);
    loaded.set(statement, held);
    inForce.add(await held);
  };
  const verify = async ({ key, references }: CheckedImage): Promise<ImageEvaluation> => {
    const reference = parseReference(key);
    if (reference.digest === undefined) throw new Error(`expected an image by digest, found ${key}`);
    const selected = policies.select(key.slice(0, key.lastIndexOf('@')));
    if (selected?.kind === 'statement') await loadStores(selected.statement);
    const list = asked.has(key) ? 'kept' : 'registry';
    asked.add(key);
    return verifier.verify(
      {
        reference: { ...reference, digest: reference.digest },
        client: registries.store,
        list,
        namedAs: () => references,
      },
      io.signal,
    );
  };
  return {
    verify: async (images, under) => {
      policies = under;
      let done = 0;
      return mapBounded(images, CONCURRENCY, async (image) => {
        progress.say(`verifies images: ${done} of ${images.length} done`);
        const evaluation = await verify(image);
        done += 1;
        progress.say(`verifies images: ${done} of ${images.length} done`);
        return evaluation;
      });
    },
    missingStores: () => [...new Set([...inForce].flatMap(({ missing }) => missing))],
    close: async () => {
      await Promise.all([registries.close(), services.close()]);
    },
  };
}

/** Verdicts that say no. */
export function isRefused(verdict: VerdictType): boolean {
  return verdict !== 'Trusted' && verdict !== 'Unknown';
}
