import type { ImageVerdict } from '../api/image-verdict.ts';
import { type Descriptor, LEVELS, type Statement } from '../notary/index.ts';
import { isPlatformManifest, OciError, type Reference, repositoryName, withContent } from '../oci/index.ts';
import { withDeadline } from '../transport/index.ts';
import type { StoredVerdict } from './cache-records.ts';
import { CoveringIndexes, indexReferences } from './covering-indexes.ts';
import {
  changesAt,
  combine,
  type EvaluatedSignature,
  type ImageEvaluation,
  isRegistryCause,
  registryCause,
  shortDigest,
} from './evaluation.ts';
import { type ImageKey, imageKey, referenceOf } from './image.ts';
import type { InvalidClaim, PolicySet, PolicyStatement } from './policy-set.ts';
import {
  type JudgeRequest,
  type KeptList,
  passes,
  SignatureJudge,
  type SignatureJudgeOptions,
} from './signature-judge.ts';
import { Turns } from './turns.ts';

/** For one image, with all its signatures. What was not judged by then is Unknown (faults.md 34). */
export const MAX_VERIFY_MS = 2 * 60_000;
/** How long a verification of the same image that is under way is waited for. */
const MAX_WAIT_MS = 10_000;
/** While a list of before the restart stands in, its registry is asked again this soon. */
const ASK_AGAIN_MS = 60_000;

export interface ImageVerifierOptions extends SignatureJudgeOptions {
  readonly policies: () => PolicySet;
  /** For one verification with all its requests, milliseconds, at most MAX_VERIFY_MS; the default too. */
  readonly timeoutMs?: number;
}

export interface VerifyRequest extends JudgeRequest {
  /**
   * What the image was asked for by, such as `repo:tag`: an index that one of these names may cover it (notary.md A9).
   * Read only where the image has no passing signature of its own.
   */
  readonly namedAs?: () => Iterable<string>;
}

/** Verifies images: finds the statement, lists and fetches signatures, judges each, and joins them to one verdict (notary.md G). */
export class ImageVerifier {
  readonly #options: ImageVerifierOptions;
  readonly #judge: SignatureJudge;
  readonly #indexes = new CoveringIndexes();
  readonly #turns: Turns;
  /** What was last told of images, as the cache on disk has it. */
  readonly #told = new Map<ImageKey, Promise<StoredVerdict | undefined>>();
  /** Images whose indexes of before were looked at. */
  readonly #recalled = new Set<ImageKey>();
  /** What was last written there of them, but for the time. */
  readonly #written = new Map<ImageKey, string>();

  constructor(options: ImageVerifierOptions) {
    this.#options = options;
    this.#judge = new SignatureJudge(options);
    this.#turns = new Turns(Math.min(MAX_WAIT_MS, (options.timeoutMs ?? MAX_VERIFY_MS) / 4));
  }

  /** When the registry last listed the signatures of an image; undefined when never. */
  listedAt(key: ImageKey): Date | undefined {
    return this.#judge.listedAt(key);
  }

  /** Forgets an image that nothing runs or requests any more. */
  forget(key: ImageKey): void {
    for (const index of this.#indexes.of(key)) this.#forgetIndex(key, index);
    this.#indexes.forget(key);
    this.#judge.forget(key);
    this.#told.delete(key);
    this.#recalled.delete(key);
    this.#written.delete(key);
  }

  /**
   * Keeps on disk what is told of an image, for the time after a restart: when it changes, and with each new list, so
   * that its age is right.
   */
  keep(key: ImageKey, verdict: ImageVerdict): void {
    const { verdictCache } = this.#options;
    if (verdictCache === undefined) return;
    const indexes = this.#indexes.of(key).map(({ digest }) => digest);
    const { verifiedAt, ...told } = verdict;
    const text = JSON.stringify([told, indexes, this.#judge.listedAt(key)]);
    if (this.#written.get(key) === text) return;
    this.#written.set(key, text);
    verdictCache.writeVerdict(key, { verdict, indexes });
  }

  /** Where something else needs the list of an index too, it is read once more. */
  #forgetIndex(key: ImageKey, { digest }: Descriptor): void {
    this.#judge.forget(imageKey(repositoryName(referenceOf(key)), digest));
  }

  /**
   * The verdict on one image. A fault of the infrastructure is an Unknown verdict with its cause; only a bug rejects.
   * It ends in time whatever the registry does: one that drips a hundred signatures must not hold up other images.
   *
   * Of several verifications of one image at once the later ones take what the first one fetched; each is judged for
   * itself, by what holds when its turn comes. Its list will do where the image is Trusted by it. Otherwise a signature
   * may have come since it was asked for; and who signs must see what was pushed last.
   */
  verify(request: VerifyRequest, signal: AbortSignal): Promise<ImageEvaluation> {
    const key = imageKey(repositoryName(request.reference), request.reference.digest);
    return withDeadline(this.#options.timeoutMs ?? MAX_VERIFY_MS, signal, async (deadline) => {
      const turn = await this.#turns.take(key, deadline.signal);
      try {
        const told = await this.#toldBefore(key);
        const startedAt = performance.now();
        const isTold = told !== undefined && isRegistryCause(told.verdict.cause);
        const asked = this.#withCache({ ...request, storedMayStandIn: !isTold });
        const shared = request.exhaustive === true ? {} : { listedSince: turn.waitedSince ?? Infinity };
        let found = await this.#verify({ ...asked, ...shared }, told, deadline.signal);
        const isOld = turn.waitedSince !== undefined && request.list === 'registry' && request.exhaustive !== true;
        if (isOld && found.verdict !== 'Trusted') found = await this.#verify(asked, told, deadline.signal);
        return { ...found, ...(told === undefined ? {} : { toldBefore: told.verdict }), startedAt };
      } finally {
        turn.end();
      }
    });
  }

  #withCache<T extends JudgeRequest>(request: T): T {
    const { verdictCache } = this.#options;
    return verdictCache === undefined ? request : { ...request, client: withContent(request.client, verdictCache) };
  }

  #toldBefore(key: ImageKey): Promise<StoredVerdict | undefined> {
    const { verdictCache } = this.#options;
    if (verdictCache === undefined) return Promise.resolve(undefined);
    const told = this.#told.get(key) ?? verdictCache.readVerdict(key);
    this.#told.set(key, told);
    return told;
  }

  async #verify(
    request: VerifyRequest,
    told: StoredVerdict | undefined,
    signal: AbortSignal,
  ): Promise<ImageEvaluation> {
    const repository = repositoryName(request.reference);
    const statement = this.#options.policies().select(repository);
    const base = { repository, evaluatedAt: this.#options.clock(), signatures: [], truncated: false };
    if (statement === undefined || statement.kind === 'invalid' || statement.statement.level === 'skip') {
      const unjudged = withoutJudgement(base, statement);
      return request.exhaustive === true ? this.#readUnjudged(request, unjudged, signal) : unjudged;
    }

    let listed: Awaited<ReturnType<SignatureJudge['listAndJudge']>>;
    try {
      listed = await this.#judge.listAndJudge(request, statement, request.reference, undefined, signal);
    } catch (error) {
      if (!(error instanceof OciError)) throw error;
      return { ...base, statement, verdict: 'Unknown', cause: registryCause(error) };
    }
    const { list, signatures: own } = listed;
    const coverage =
      own.some(passes) || !isPlatformManifest(list.subject)
        ? NOT_ASKED
        : await this.#coverage(request, statement, list.subject, told?.indexes ?? [], signal);
    return this.#conclude(repository, statement, list, own, coverage);
  }

  /**
   * Reads the signatures of an image whose verdict does not depend on them: whoever signs must know which there are.
   * None of them is called Trusted, for nobody said whom to trust.
   */
  async #readUnjudged(
    request: VerifyRequest,
    unjudged: ImageEvaluation,
    signal: AbortSignal,
  ): Promise<ImageEvaluation> {
    try {
      const statement = { kind: 'statement', policy: '', name: '', statement: NOBODY_TRUSTED } as const;
      const { list, signatures } = await this.#judge.listAndJudge(
        request,
        statement,
        request.reference,
        undefined,
        signal,
      );
      return {
        ...unjudged,
        subject: list.subject,
        truncated: list.truncated,
        signatures: signatures.map((signature) =>
          signature.kind === 'evaluated'
            ? { ...signature, outcome: { ...signature.outcome, verdict: 'Unknown' as const } }
            : signature,
        ),
      };
    } catch (error) {
      if (!(error instanceof OciError)) throw error;
      return { ...unjudged, verdict: 'Unknown', cause: registryCause(error) };
    }
  }

  /**
   * The signatures of the indexes that list an image: those known, and only where none of their signatures passes, those
   * that the references under which it was asked for name now (notary.md A9).
   */
  async #coverage(
    request: VerifyRequest,
    statement: PolicyStatement,
    image: Descriptor,
    toldIndexes: readonly string[],
    signal: AbortSignal,
  ): Promise<Coverage> {
    const { client, reference } = request;
    const key = imageKey(repositoryName(reference), reference.digest);
    await this.#recallIndexes(request, image, toldIndexes, signal);
    const signatures: EvaluatedSignature[] = [];
    const judged = new Set<string>();
    let [truncated, fault]: [boolean, OciError | undefined] = [false, undefined];
    let standsIn: KeptList | undefined;
    const judgeKnown = async (): Promise<void> => {
      for (const index of this.#indexes.of(key)) {
        if (signatures.some(passes) || judged.has(index.digest)) continue;
        judged.add(index.digest);
        try {
          const named = { ...reference, digest: index.digest };
          const own = { ...request, exhaustive: false };
          const { list, signatures: ofIndex } = await this.#judge.listAndJudge(own, statement, named, index, signal);
          truncated ||= list.truncated;
          standsIn = older(standsIn, list);
          signatures.push(...ofIndex.map((signature) => ({ ...signature, index: index.digest })));
        } catch (error) {
          if (!(error instanceof OciError)) throw error;
          fault ??= error;
        }
      }
    };
    await judgeKnown();
    const references = indexReferences(key, request.namedAs?.() ?? []);
    if (!signatures.some(passes) && (request.list === 'registry' || !this.#indexes.hasAsked(key, references))) {
      const before = this.#indexes.of(key);
      fault = (await this.#indexes.ask(client, key, image, references, signal)) ?? fault;
      const now = new Set(this.#indexes.of(key));
      for (const dropped of before) if (!now.has(dropped)) this.#forgetIndex(key, dropped);
      await judgeKnown();
    }
    const bare = [...judged].filter((digest) => !signatures.some(({ index }) => index === digest));
    const notes = [
      ...bare.map((digest) => `its index ${shortDigest(digest)} has none either`),
      ...(judged.size === 0 ? this.#indexes.misses(key) : []),
    ];
    return {
      signatures,
      truncated,
      notes,
      ...(standsIn === undefined ? {} : { standsIn }),
      ...(fault === undefined ? {} : { fault }),
    };
  }

  /** Reads the indexes again that listed the image before the restart: that they do is seen in them, not believed. */
  async #recallIndexes(
    { client, reference }: VerifyRequest,
    image: Descriptor,
    digests: readonly string[],
    signal: AbortSignal,
  ): Promise<void> {
    const key = imageKey(repositoryName(reference), reference.digest);
    if (digests.length === 0 || this.#recalled.has(key)) return;
    this.#recalled.add(key);
    const references = digests.map((digest): Reference => ({ ...reference, digest }));
    // A fault here is one more name that was not answered: whether it matters is found out when the others are asked.
    await this.#indexes.ask(client, key, image, references, signal);
  }

  #conclude(
    repository: string,
    statement: PolicyStatement,
    list: KeptList,
    own: readonly EvaluatedSignature[],
    coverage: Coverage,
  ): ImageEvaluation {
    const signatures = [...own, ...coverage.signatures];
    const truncated = list.truncated || coverage.truncated;
    const combined = combine(signatures, { truncated, max: this.#options.maxSignatures });
    const standsIn = older(coverage.standsIn, list);
    const { verdict, cause, decidedBy } = withAge(withCoverage(combined, coverage), standsIn);
    const changes = changesAt(verdict === 'Trusted' && decidedBy !== undefined ? [decidedBy] : signatures);
    const now = this.#options.clock();
    const askAgainAt = standsIn === undefined ? undefined : new Date(now.getTime() + ASK_AGAIN_MS);
    const next = changes === undefined || (askAgainAt !== undefined && askAgainAt < changes) ? askAgainAt : changes;
    const expiresAt = decidedBy?.kind === 'evaluated' ? decidedBy.outcome.envelope?.expiry : undefined;
    return {
      repository,
      subject: list.subject,
      statement,
      verdict,
      ...(cause === undefined ? {} : { cause }),
      ...(decidedBy?.index === undefined ? {} : { coveredBy: { digest: decidedBy.index } }),
      signatures,
      truncated: list.truncated,
      // As old as the list that it is made from.
      evaluatedAt: standsIn === undefined ? now : new Date(standsIn.listedAt),
      ...(standsIn?.standsInFor === undefined ? {} : { standsInFor: standsIn.standsInFor }),
      ...(next === undefined ? {} : { changesAt: next }),
      ...(expiresAt === undefined ? {} : { expiresAt }),
    };
  }
}

/** What the indexes that list an image give beside its own signatures. */
interface Coverage {
  readonly signatures: readonly EvaluatedSignature[];
  readonly truncated: boolean;
  /** Why no index covers the image: sentences. */
  readonly notes: readonly string[];
  /** The oldest list that stands in for a registry out of reach. */
  readonly standsIn?: KeptList;
  /** It is not known whether an index covers the image. */
  readonly fault?: OciError;
}

const NOT_ASKED: Coverage = { signatures: [], truncated: false, notes: [] };

/** Says of an image that fails why no index covers it; and that it is Unknown where that could not be found out. */
function withCoverage(combined: ReturnType<typeof combine>, { fault, notes }: Coverage): ReturnType<typeof combine> {
  const { verdict, cause } = combined;
  // What was revoked stays so: a fault takes no flag back.
  if (verdict === 'Trusted' || verdict === 'Revoked' || verdict === 'Unknown' || cause === undefined) return combined;
  if (fault !== undefined) {
    const { reason, message } = registryCause(fault);
    return { verdict: 'Unknown', cause: { reason, message: `whether an index covers the image: ${message}` } };
  }
  return notes.length === 0
    ? combined
    : { ...combined, cause: { ...cause, message: [cause.message, ...notes].join('; ') } };
}

/** Of two lists that stand in for a registry out of reach, the older one; a list that was just asked for does not. */
function older(one: KeptList | undefined, other: KeptList): KeptList | undefined {
  if (other.standsInFor === undefined) return one;
  return one === undefined || other.listedAt < one.listedAt ? other : one;
}

/**
 * From a list of before the restart only what its envelopes show is told. That a signature is missing, or none passes, is
 * no longer known while the registry cannot be asked.
 */
function withAge(combined: ReturnType<typeof combine>, standsIn: KeptList | undefined): ReturnType<typeof combine> {
  const isShown = combined.verdict !== 'Unsigned' && combined.verdict !== 'Untrusted';
  if (isShown || standsIn?.standsInFor === undefined) return combined;
  return { verdict: 'Unknown', cause: registryCause(standsIn.standsInFor) };
}

/** Checks integrity, and reports the rest: for images that no statement judges. */
const NOBODY_TRUSTED: Statement = {
  name: '',
  registryScopes: [],
  level: 'audit',
  actions: LEVELS.audit,
  verifyTimestamp: 'always',
  trustStores: [],
  trustedIdentities: [],
};

/** The verdict that needs no signature: no statement applies, its policy is invalid, or its level is skip. */
function withoutJudgement(
  base: Pick<ImageEvaluation, 'repository' | 'evaluatedAt' | 'signatures' | 'truncated'>,
  statement: PolicyStatement | InvalidClaim | undefined,
): ImageEvaluation {
  if (statement?.kind === 'statement') return { ...base, statement, verdict: 'Trusted' };
  if (statement !== undefined) {
    const message = `the TrustPolicy ${statement.policy} names this repository and is invalid: ${statement.message}`;
    return { ...base, statement, verdict: 'Unknown', cause: { reason: 'PolicyInvalid', message } };
  }
  return {
    ...base,
    verdict: 'Uncovered',
    cause: {
      reason: 'NoStatementApplies',
      message: `no TrustPolicy statement has the scope ${base.repository} or *: add one to have it checked`,
    },
  };
}
