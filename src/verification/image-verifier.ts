import { type Descriptor, LEVELS, type Statement } from '../notary/index.ts';
import { isPlatformManifest, OciError, repositoryName } from '../oci/index.ts';
import { withDeadline } from '../transport/index.ts';
import { CoveringIndexes, indexReferences } from './covering-indexes.ts';
import {
  changesAt,
  combine,
  type EvaluatedSignature,
  type ImageEvaluation,
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

/** For one image, with all its signatures. What was not judged by then is Unknown (faults.md 34). */
export const MAX_VERIFY_MS = 2 * 60_000;

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

  constructor(options: ImageVerifierOptions) {
    this.#options = options;
    this.#judge = new SignatureJudge(options);
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
  }

  /** Where something else needs the list of an index too, it is read once more. */
  #forgetIndex(key: ImageKey, { digest }: Descriptor): void {
    this.#judge.forget(imageKey(repositoryName(referenceOf(key)), digest));
  }

  /**
   * The verdict on one image. A fault of the infrastructure is an Unknown verdict with its cause; only a bug rejects.
   * It ends in time whatever the registry does: one that drips a hundred signatures must not hold up other images.
   */
  verify(request: VerifyRequest, signal: AbortSignal): Promise<ImageEvaluation> {
    const startedAt = performance.now();
    return withDeadline(this.#options.timeoutMs ?? MAX_VERIFY_MS, signal, async (deadline) => ({
      ...(await this.#verify(request, deadline.signal)),
      startedAt,
    }));
  }

  async #verify(request: VerifyRequest, signal: AbortSignal): Promise<ImageEvaluation> {
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
        : await this.#coverage(request, statement, list.subject, signal);
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
    signal: AbortSignal,
  ): Promise<Coverage> {
    const { client, reference } = request;
    const key = imageKey(repositoryName(reference), reference.digest);
    const signatures: EvaluatedSignature[] = [];
    const judged = new Set<string>();
    let [truncated, fault]: [boolean, OciError | undefined] = [false, undefined];
    const judgeKnown = async (): Promise<void> => {
      for (const index of this.#indexes.of(key)) {
        if (signatures.some(passes) || judged.has(index.digest)) continue;
        judged.add(index.digest);
        try {
          const named = { ...reference, digest: index.digest };
          const own = { ...request, exhaustive: false };
          const { list, signatures: ofIndex } = await this.#judge.listAndJudge(own, statement, named, index, signal);
          truncated ||= list.truncated;
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
    return { signatures, truncated, notes, ...(fault === undefined ? {} : { fault }) };
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
    const { verdict, cause, decidedBy } = withCoverage(combined, coverage);
    const next = changesAt(verdict === 'Trusted' && decidedBy !== undefined ? [decidedBy] : signatures);
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
      evaluatedAt: this.#options.clock(),
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
