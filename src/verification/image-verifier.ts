import {
  type Descriptor,
  type FindTrustStore,
  LEVELS,
  type Statement,
  type VerificationPlugin,
  type VerifySignatureInput,
  verifySignature,
} from '../notary/index.ts';
import {
  type ArtifactStore,
  fetchSignature,
  isContentFault,
  listSignatures,
  OciError,
  type Reference,
  repositoryName,
  type SignatureArtifact,
} from '../oci/index.ts';
import type { Clock } from './clock.ts';
import { changesAt, combine, type EvaluatedSignature, type ImageEvaluation, registryCause } from './evaluation.ts';
import type { ImageKey } from './image.ts';
import { imageKey } from './image.ts';
import type { PolicySet, PolicyStatement } from './policy-set.ts';
import { SignatureCache } from './signature-cache.ts';

export interface ImageVerifierOptions {
  readonly policies: () => PolicySet;
  readonly findTrustStore: FindTrustStore;
  readonly plugins: readonly VerificationPlugin[];
  readonly checkRevocation: VerifySignatureInput['checkRevocation'];
  readonly verifyTimestamp: VerifySignatureInput['verifyTimestamp'];
  readonly clock: Clock;
  /** notary.md A7. */
  readonly maxSignatures: number;
  /** How old a kept list of signatures may be and still stand in for a registry that refuses or throttles, ms. */
  readonly keptListMaxAgeMs: number;
  /** Bytes of envelopes kept in memory. */
  readonly signatureCacheBytes: number;
}

export interface VerifyRequest {
  /** An image by digest. */
  readonly reference: Reference & { readonly digest: string };
  readonly client: ArtifactStore;
  /** `registry`: ask which signatures there are; `kept`: ask only where nothing is kept yet. */
  readonly list: 'registry' | 'kept';
  /** Try every signature, also behind one that passes. */
  readonly exhaustive?: boolean;
  readonly requiredMetadata?: Readonly<Record<string, string>>;
}

/** The signatures of one image, as the registry last listed them. */
interface KeptList {
  readonly subject: Descriptor;
  readonly signatures: readonly Descriptor[];
  readonly truncated: boolean;
  readonly listedAt: number;
}

/** Verifies images: finds the statement, lists and fetches signatures, judges each, and joins them to one verdict (notary.md G). */
export class ImageVerifier {
  readonly #options: ImageVerifierOptions;
  readonly #lists = new Map<ImageKey, KeptList>();
  readonly #signatures: SignatureCache;

  constructor(options: ImageVerifierOptions) {
    this.#options = options;
    this.#signatures = new SignatureCache(options.signatureCacheBytes);
  }

  /** When the registry last listed the signatures of an image; undefined when never. */
  listedAt(key: ImageKey): Date | undefined {
    const kept = this.#lists.get(key);
    return kept === undefined ? undefined : new Date(kept.listedAt);
  }

  /** Forgets an image that nothing runs or requests any more. */
  forget(key: ImageKey): void {
    this.#lists.delete(key);
  }

  /**
   * The verdict on one image. A fault of the infrastructure is an Unknown verdict with its cause; only a bug rejects.
   */
  async verify(request: VerifyRequest, signal: AbortSignal): Promise<ImageEvaluation> {
    const repository = repositoryName(request.reference);
    const statement = this.#options.policies().select(repository);
    const base = { repository, evaluatedAt: this.#options.clock(), signatures: [], truncated: false };
    if (statement === undefined || statement.statement.level === 'skip') {
      const unjudged = withoutJudgement(base, statement);
      return request.exhaustive === true ? this.#readUnjudged(request, repository, unjudged, signal) : unjudged;
    }

    let list: KeptList;
    try {
      list = await this.#list(request, repository, signal);
    } catch (error) {
      if (!(error instanceof OciError)) throw error;
      return { ...base, statement, verdict: 'Unknown', cause: registryCause(error) };
    }
    return this.#judge(request, repository, statement, list, signal);
  }

  /**
   * Reads the signatures of an image whose verdict does not depend on them: whoever signs must know which there are.
   * None of them is called Trusted, for nobody said whom to trust.
   */
  async #readUnjudged(
    request: VerifyRequest,
    repository: string,
    unjudged: ImageEvaluation,
    signal: AbortSignal,
  ): Promise<ImageEvaluation> {
    try {
      const list = await this.#list(request, repository, signal);
      const statement = { policy: '', name: '', statement: NOBODY_TRUSTED };
      const { subject, signatures, truncated } = await this.#judge(request, repository, statement, list, signal);
      return {
        ...unjudged,
        ...(subject === undefined ? {} : { subject }),
        truncated,
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

  async #list(request: VerifyRequest, repository: string, signal: AbortSignal): Promise<KeptList> {
    const { client, reference } = request;
    const key = imageKey(repository, reference.digest);
    const kept = this.#lists.get(key);
    if (kept !== undefined && request.list === 'kept') return kept;
    const now = this.#options.clock().getTime();
    try {
      const subject = kept?.subject ?? (await client.resolve(reference, signal));
      const listed = await listSignatures(client, reference, subject, { max: this.#options.maxSignatures }, signal);
      const list = { subject, ...listed, listedAt: now };
      this.#lists.set(key, list);
      return list;
    } catch (error) {
      const mayStandIn = kept !== undefined && now - kept.listedAt < this.#options.keptListMaxAgeMs;
      if (mayStandIn && error instanceof OciError && refusesOnlyUs(error)) return kept;
      throw error;
    }
  }

  async #judge(
    request: VerifyRequest,
    repository: string,
    statement: PolicyStatement,
    list: KeptList,
    signal: AbortSignal,
  ): Promise<ImageEvaluation> {
    const signatures: EvaluatedSignature[] = [];
    for (const signature of list.signatures) {
      const evaluated = await this.#judgeOne(request, repository, statement, list.subject, signature, signal);
      signatures.push(evaluated);
      const passed = evaluated.kind === 'evaluated' && evaluated.outcome.verdict === 'Trusted';
      if (passed && request.exhaustive !== true) break;
    }
    const { verdict, cause, decidedBy } = combine(signatures, {
      truncated: list.truncated,
      max: this.#options.maxSignatures,
    });
    const next = changesAt(verdict === 'Trusted' && decidedBy !== undefined ? [decidedBy] : signatures);
    const expiresAt = decidedBy?.kind === 'evaluated' ? decidedBy.outcome.envelope?.expiry : undefined;
    return {
      repository,
      subject: list.subject,
      statement,
      verdict,
      ...(cause === undefined ? {} : { cause }),
      signatures,
      truncated: list.truncated,
      evaluatedAt: this.#options.clock(),
      ...(next === undefined ? {} : { changesAt: next }),
      ...(expiresAt === undefined ? {} : { expiresAt }),
    };
  }

  async #judgeOne(
    request: VerifyRequest,
    repository: string,
    statement: PolicyStatement,
    subject: Descriptor,
    signature: Descriptor,
    signal: AbortSignal,
  ): Promise<EvaluatedSignature> {
    const digest = signature.digest;
    let artifact: SignatureArtifact;
    try {
      artifact = await this.#fetch(request, repository, subject, signature, signal);
    } catch (error) {
      if (!(error instanceof OciError)) throw error;
      return isContentFault(error)
        ? { digest, kind: 'malformed', message: error.message }
        : { digest, kind: 'unreachable', error };
    }
    const outcome = await verifySignature({
      envelopeBytes: artifact.envelope,
      mediaType: artifact.mediaType,
      subject,
      statement: statement.statement,
      findTrustStore: this.#options.findTrustStore,
      ...(request.requiredMetadata === undefined ? {} : { requiredMetadata: request.requiredMetadata }),
      now: this.#options.clock(),
      plugins: this.#options.plugins,
      checkRevocation: this.#options.checkRevocation,
      verifyTimestamp: this.#options.verifyTimestamp,
      signal,
    });
    return { digest, kind: 'evaluated', outcome };
  }

  async #fetch(
    request: VerifyRequest,
    repository: string,
    subject: Descriptor,
    signature: Descriptor,
    signal: AbortSignal,
  ): Promise<SignatureArtifact> {
    const kept = this.#signatures.get(repository, signature.digest);
    if (kept !== undefined) return kept;
    const artifact = await fetchSignature(request.client, request.reference, subject, signature, signal);
    this.#signatures.set(repository, signature.digest, artifact);
    return artifact;
  }
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

/** The verdict that needs no signature: no statement applies, or its level is skip. */
function withoutJudgement(
  base: Pick<ImageEvaluation, 'repository' | 'evaluatedAt' | 'signatures' | 'truncated'>,
  statement: PolicyStatement | undefined,
): ImageEvaluation {
  if (statement !== undefined) return { ...base, statement, verdict: 'Trusted' };
  return {
    ...base,
    verdict: 'Uncovered',
    cause: {
      reason: 'NoStatementApplies',
      message: `no TrustPolicy statement has the scope ${base.repository} or *: add one to have it checked`,
    },
  };
}

/** The registry stands and refuses this client: throttling (faults.md 22), or credentials that only another one has. */
function refusesOnlyUs(error: OciError): boolean {
  return error.code === 'RateLimited' || error.code === 'Unauthorized' || error.code === 'Denied';
}
