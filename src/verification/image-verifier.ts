import type { ImageVerdict } from '../api/image-verdict.ts';
import { LEVELS, type Statement } from '../notary/index.ts';
import { isPlatformManifest, OciError, repositoryName, withContent } from '../oci/index.ts';
import { withDeadline } from '../transport/index.ts';
import type { StoredVerdict } from './cache-records.ts';
import {
  changesAt,
  combine,
  type EvaluatedSignature,
  type ImageEvaluation,
  isRegistryCause,
  registryCause,
} from './evaluation.ts';
import { type ImageKey, imageKey } from './image.ts';
import { type Coverage, IndexCoverage, NOT_ASKED, older, withCoverage } from './index-coverage.ts';
import type { InvalidClaim, PolicySet, PolicyStatement } from './policy-set.ts';
import {
  type JudgeRequest,
  type KeptList,
  passes,
  SignatureJudge,
  type SignatureJudgeOptions,
} from './signature-judge.ts';
import { ToldVerdicts } from './told-verdicts.ts';
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
  /** Runs each verification: for what is told of them. */
  readonly around?: (key: ImageKey, run: () => Promise<ImageEvaluation>) => Promise<ImageEvaluation>;
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
  readonly #coverage: IndexCoverage;
  readonly #turns: Turns;
  readonly #told: ToldVerdicts;

  constructor(options: ImageVerifierOptions) {
    this.#options = options;
    this.#judge = new SignatureJudge(options);
    this.#coverage = new IndexCoverage(this.#judge);
    this.#turns = new Turns(Math.min(MAX_WAIT_MS, (options.timeoutMs ?? MAX_VERIFY_MS) / 4));
    this.#told = new ToldVerdicts(options.verdictCache);
  }

  /** When the registry last listed the signatures of an image; undefined when never. */
  listedAt(key: ImageKey): Date | undefined {
    return this.#judge.listedAt(key);
  }

  /** Forgets an image that nothing runs or requests any more. */
  forget(key: ImageKey): void {
    this.#coverage.forget(key);
    this.#judge.forget(key);
    this.#told.forget(key);
  }

  /** Keeps on disk what is told of an image, for the time after a restart. */
  keep(key: ImageKey, verdict: ImageVerdict): void {
    this.#told.keep(key, verdict, this.#coverage.indexesOf(key), this.#judge.listedAt(key));
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
    const run = (): Promise<ImageEvaluation> =>
      withDeadline(this.#options.timeoutMs ?? MAX_VERIFY_MS, signal, async (deadline) => {
        const turn = await this.#turns.take(key, deadline.signal);
        try {
          const told = await this.#told.before(key);
          const startedAt = performance.now();
          const isTold = told !== undefined && isRegistryCause(told.verdict.cause);
          const asked = this.#withCache({ ...request, storedMayStandIn: !isTold });
          const isShared = request.exhaustive !== true && this.#judge.wasAskedSince(key, turn.waitedSince);
          let found = await this.#verify(isShared ? { ...asked, list: 'kept' } : asked, told, deadline.signal);
          if (isShared && request.list === 'registry' && found.verdict !== 'Trusted')
            found = await this.#verify(asked, told, deadline.signal);
          return { ...found, ...(told === undefined ? {} : { toldBefore: told.verdict }), startedAt };
        } finally {
          turn.end();
        }
      });
    return this.#options.around?.(key, run) ?? run();
  }

  #withCache<T extends JudgeRequest>(request: T): T {
    const { verdictCache } = this.#options;
    return verdictCache === undefined ? request : { ...request, client: withContent(request.client, verdictCache) };
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
        : await this.#coverage.find(request, statement, list.subject, told?.indexes ?? [], signal);
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
