import {
  type Descriptor,
  type FindTrustStore,
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
import { withDeadline } from '../transport/index.ts';
import type { Clock } from './clock.ts';
import { refusesOnlyUs } from './covering-indexes.ts';
import type { EvaluatedSignature } from './evaluation.ts';
import { type ImageKey, imageKey } from './image.ts';
import type { PolicyStatement } from './policy-set.ts';
import { SignatureCache } from './signature-cache.ts';

export interface SignatureJudgeOptions {
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
  /** For fetching the signatures of one subject, all together, milliseconds; default 2 minutes (faults.md 34). */
  readonly fetchTimeoutMs?: number;
}

const FETCH_TIMEOUT_MS = 2 * 60_000;

/** How the signatures of an image are to be read. */
export interface JudgeRequest {
  /** An image by digest. */
  readonly reference: Reference & { readonly digest: string };
  readonly client: ArtifactStore;
  /** `registry`: ask which signatures there are; `kept`: ask only where nothing is kept yet. */
  readonly list: 'registry' | 'kept';
  /** Try every signature of the image itself, also behind one that passes. */
  readonly exhaustive?: boolean;
  readonly requiredMetadata?: Readonly<Record<string, string>>;
}

/** The signatures of one image, as the registry last listed them. */
export interface KeptList {
  readonly subject: Descriptor;
  readonly signatures: readonly Descriptor[];
  readonly truncated: boolean;
  readonly listedAt: number;
}

/** Lists, fetches and judges the signatures of one subject; keeps the lists, and what was fetched. */
export class SignatureJudge {
  readonly #options: SignatureJudgeOptions;
  readonly #lists = new Map<ImageKey, KeptList>();
  readonly #signatures: SignatureCache;

  constructor(options: SignatureJudgeOptions) {
    this.#options = options;
    this.#signatures = new SignatureCache(options.signatureCacheBytes);
  }

  /** When the registry last listed the signatures of a subject; undefined when never. */
  listedAt(key: ImageKey): Date | undefined {
    const kept = this.#lists.get(key);
    return kept === undefined ? undefined : new Date(kept.listedAt);
  }

  forget(key: ImageKey): void {
    this.#lists.delete(key);
  }

  /**
   * The signatures of the subject that a reference names, as the registry lists them now or is known to.
   * @param known the subject, where its manifest was read before
   * @throws OciError
   */
  async list(
    request: JudgeRequest,
    reference: Reference & { readonly digest: string },
    known: Descriptor | undefined,
    signal: AbortSignal,
  ): Promise<KeptList> {
    const { client } = request;
    const key = imageKey(repositoryName(reference), reference.digest);
    const kept = this.#lists.get(key);
    if (kept !== undefined && request.list === 'kept') return kept;
    const now = this.#options.clock().getTime();
    try {
      const subject = known ?? kept?.subject ?? (await client.resolve(reference, signal));
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

  /** Judges the listed signatures in their order, up to the first that passes unless all are asked for. */
  async judge(
    request: JudgeRequest,
    statement: PolicyStatement,
    list: KeptList,
    signal: AbortSignal,
  ): Promise<readonly EvaluatedSignature[]> {
    return withDeadline(this.#options.fetchTimeoutMs ?? FETCH_TIMEOUT_MS, signal, async (fetching) => {
      const signatures: EvaluatedSignature[] = [];
      for (const signature of list.signatures) {
        const evaluated = await this.#judgeOne(request, statement, list.subject, signature, signal, fetching.signal);
        signatures.push(evaluated);
        if (passes(evaluated) && request.exhaustive !== true) break;
      }
      return signatures;
    });
  }

  async #judgeOne(
    request: JudgeRequest,
    statement: PolicyStatement,
    subject: Descriptor,
    signature: Descriptor,
    signal: AbortSignal,
    fetching: AbortSignal,
  ): Promise<EvaluatedSignature> {
    const digest = signature.digest;
    let artifact: SignatureArtifact;
    try {
      artifact = await this.#fetch(request, subject, signature, fetching);
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
    request: JudgeRequest,
    subject: Descriptor,
    signature: Descriptor,
    signal: AbortSignal,
  ): Promise<SignatureArtifact> {
    const repository = repositoryName(request.reference);
    const kept = this.#signatures.get(repository, signature.digest);
    if (kept !== undefined) return kept;
    // One by one, none of them slow enough for its own limit, they would hold this up for an hour.
    if (signal.aborted)
      throw new OciError(
        'Timeout',
        `signature ${repository}@${signature.digest}: not read, those before it took all the time`,
      );
    const artifact = await fetchSignature(request.client, request.reference, subject, signature, signal);
    this.#signatures.set(repository, signature.digest, artifact);
    return artifact;
  }
}

/** Whether a signature makes its subject trusted. */
export function passes(signature: EvaluatedSignature): boolean {
  return signature.kind === 'evaluated' && signature.outcome.verdict === 'Trusted';
}
