import {
  type Descriptor,
  type FindTrustStore,
  type SignatureOutcome,
  type VerificationCache,
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
  type OciErrorCode,
  type Reference,
  repositoryName,
  type SignatureArtifact,
  type SignatureList,
} from '../oci/index.ts';
import { DeadlineError, untilAborted } from '../transport/index.ts';
import type { Clock } from './clock.ts';
import { refusesOnlyUs } from './covering-indexes.ts';
import type { EvaluatedSignature } from './evaluation.ts';
import { type ImageKey, imageKey } from './image.ts';
import { createLoopTurns } from './loop-turns.ts';
import type { PolicyStatement } from './policy-set.ts';
import { SignatureCache } from './signature-cache.ts';
import type { VerdictCache } from './verdict-cache.ts';

export interface SignatureJudgeOptions {
  readonly findTrustStore: FindTrustStore;
  readonly plugins: readonly VerificationPlugin[];
  readonly checkRevocation: VerifySignatureInput['checkRevocation'];
  readonly verifyTimestamp: VerifySignatureInput['verifyTimestamp'];
  /** What is known of bytes already, so that a change of policy or store costs no cryptography; default: nothing. */
  readonly cache?: VerificationCache;
  readonly clock: Clock;
  /** notary.md A7. */
  readonly maxSignatures: number;
  /** How old a kept list of signatures may be and still stand in for a registry that refuses or throttles, ms. */
  readonly keptListMaxAgeMs: number;
  /** Bytes of envelopes kept in memory. */
  readonly signatureCacheBytes: number;
  /** What outlives a restart; default nothing. */
  readonly verdictCache?: VerdictCache;
  /** Told whether what was looked for was there: a list is looked for where a kept one would do. */
  readonly onLookup?: (cache: 'signature' | 'list', isHit: boolean) => void;
}

/** How the signatures of an image are to be read. */
export interface JudgeRequest {
  /** An image by digest. */
  readonly reference: Reference & { readonly digest: string };
  readonly client: ArtifactStore;
  /** `registry`: ask which signatures there are; `kept`: ask only where nothing is kept yet. */
  readonly list: 'registry' | 'kept';
  /** Whether a list from before the restart may stand in while the registry cannot be asked; default not. */
  readonly storedMayStandIn?: boolean;
  /** Try every signature of the image itself, also behind one that passes. */
  readonly exhaustive?: boolean;
  readonly requiredMetadata?: Readonly<Record<string, string>>;
}

/** The signatures of one image, as the registry last listed them. */
export interface KeptList extends SignatureList {
  readonly subject: Descriptor;
  readonly listedAt: number;
  /** When it was asked for, by performance.now(). */
  readonly askedAt: number;
  /** Why the registry could not be asked: the list is one from before the restart. */
  readonly standsInFor?: OciError;
}

/** Real envelopes have some 10 KiB. One that is larger than this is read and judged alone, for it takes ten times that. */
const LARGE_ENVELOPE_BYTES = 1024 * 1024;
/** What an outcome holds of its envelope, however many signatures there are: a smaller envelope always stays. */
const SMALL_ENVELOPE_BYTES = 64 * 1024;
/** The envelopes of one image that are larger, and do not pass, are kept with their outcomes up to this, in all. */
const MAX_HELD_BYTES = 4 * 1024 * 1024;

/** Lists, fetches and judges the signatures of one subject; keeps the lists, and what was fetched. */
export class SignatureJudge {
  readonly #options: SignatureJudgeOptions;
  readonly #lists = new Map<ImageKey, KeptList>();
  readonly #signatures: SignatureCache;
  readonly #loopTurn = createLoopTurns();
  /** Ends when the last large envelope that was begun is done with. */
  #large: Promise<void> = Promise.resolve();

  constructor(options: SignatureJudgeOptions) {
    this.#options = options;
    this.#signatures = new SignatureCache(options.signatureCacheBytes);
  }

  /** When the registry last listed the signatures of a subject; undefined when never. */
  listedAt(key: ImageKey): Date | undefined {
    const kept = this.#lists.get(key);
    return kept === undefined ? undefined : new Date(kept.listedAt);
  }

  /** Whether the registry was asked for a list that is kept, and that after a moment by performance.now(). */
  wasAskedSince(key: ImageKey, moment: number | undefined): boolean {
    const kept = this.#lists.get(key);
    return kept !== undefined && moment !== undefined && kept.askedAt >= moment;
  }

  forget(key: ImageKey): void {
    this.#lists.delete(key);
    this.#options.verdictCache?.forget(key);
  }

  /**
   * Lists and judges the signatures of the subject that a reference names. A list by the tag schema alone does where one
   * of its signatures passes: nothing but Trusted is said before the Referrers API was asked too (notary.md A4). Whoever
   * asks for all signatures gets them by both at once.
   * @param known the subject, where its manifest was read before
   * @throws OciError
   */
  async listAndJudge(
    request: JudgeRequest,
    statement: PolicyStatement,
    reference: Reference & { readonly digest: string },
    known: Descriptor | undefined,
    signal: AbortSignal,
  ): Promise<{ readonly list: KeptList; readonly signatures: readonly EvaluatedSignature[] }> {
    const first = await this.#list(request, reference, known, request.exhaustive !== true, signal);
    const judged = await this.#judgeListed(request, statement, first, signal);
    if (first.byTagAlone !== true || judged.some(passes)) return { list: first, signatures: judged };
    const list = await this.#list(request, reference, first.subject, false, signal);
    return { list, signatures: list === first ? judged : await this.#judgeListed(request, statement, list, signal) };
  }

  /** The signatures of a subject, as the registry lists them now or is known to. @throws OciError */
  async #list(
    request: JudgeRequest,
    reference: Reference & { readonly digest: string },
    known: Descriptor | undefined,
    mayBeByTagAlone: boolean,
    signal: AbortSignal,
  ): Promise<KeptList> {
    const { client } = request;
    const key = imageKey(repositoryName(reference), reference.digest);
    const kept = this.#lists.get(key);
    if (request.list === 'kept') {
      const isEnough = kept !== undefined && (mayBeByTagAlone || kept.byTagAlone !== true);
      this.#options.onLookup?.('list', isEnough);
      if (isEnough) return kept;
    }
    const now = this.#options.clock().getTime();
    const askedAt = performance.now();
    let subject = known ?? kept?.subject;
    try {
      subject ??= await client.resolve(reference, signal);
      const options = { max: this.#options.maxSignatures, mayBeByTagAlone };
      const listed = await listSignatures(client, reference, subject, options, signal);
      const list = { subject, ...listed, listedAt: now, askedAt };
      this.#lists.set(key, list);
      this.#options.verdictCache?.writeList(key, list);
      return list;
    } catch (error) {
      if (!(error instanceof OciError)) throw error;
      if (kept === undefined) {
        const mayBeStored = request.storedMayStandIn === true;
        const stored =
          mayBeStored && subject !== undefined ? await this.#storedList(key, subject, error, now) : undefined;
        if (stored === undefined) throw error;
        return stored;
      }
      // Whoever makes do with what is kept learns nothing from a fault of the registry.
      if (request.list === 'kept') return kept;
      const isWhole = mayBeByTagAlone || kept.byTagAlone !== true;
      if (isWhole && now - kept.listedAt < this.#options.keptListMaxAgeMs && refusesOnlyUs(error)) return kept;
      throw error;
    }
  }

  /**
   * The list of before the restart, while the registry cannot be asked whether it still holds. It is not kept: the next
   * look asks the registry again.
   */
  async #storedList(key: ImageKey, subject: Descriptor, fault: OciError, now: number): Promise<KeptList | undefined> {
    if (!isPassing(fault)) return undefined;
    const stored = await this.#options.verdictCache?.readList(key);
    if (stored === undefined || now - stored.listedAt >= this.#options.keptListMaxAgeMs) return undefined;
    return { subject, ...stored, askedAt: Number.NEGATIVE_INFINITY, standsInFor: fault };
  }

  /** Judges the listed signatures in their order, up to the first that passes unless all are asked for. */
  async #judgeListed(
    request: JudgeRequest,
    statement: PolicyStatement,
    list: KeptList,
    signal: AbortSignal,
  ): Promise<readonly EvaluatedSignature[]> {
    const signatures: EvaluatedSignature[] = [];
    let room = MAX_HELD_BYTES;
    for (const signature of list.signatures) {
      let bytes = 0;
      const evaluated = await this.#judgeOne(request, statement, list.subject, signature, signal, (size) => {
        bytes = size;
      });
      const isHeld = passes(evaluated) || bytes <= SMALL_ENVELOPE_BYTES || bytes <= room;
      if (isHeld && bytes > SMALL_ENVELOPE_BYTES) room -= bytes;
      signatures.push(isHeld ? evaluated : withoutEnvelope(evaluated));
      if (passes(evaluated) && request.exhaustive !== true) break;
    }
    return signatures;
  }

  /** @param onSize told how many bytes the envelope has, before it is judged */
  async #judgeOne(
    request: JudgeRequest,
    statement: PolicyStatement,
    subject: Descriptor,
    signature: Descriptor,
    signal: AbortSignal,
    onSize: (bytes: number) => void,
  ): Promise<EvaluatedSignature> {
    const { digest } = signature;
    let release = (): void => undefined;
    try {
      const artifact = await this.#fetch(request, subject, signature, signal, async (bytes) => {
        if (bytes > LARGE_ENVELOPE_BYTES) release = await this.#turn(signal);
      });
      onSize(artifact.envelope.byteLength);
      await this.#loopTurn();
      signal.throwIfAborted();
      return { digest, kind: 'evaluated', outcome: await this.#verify(request, statement, subject, artifact, signal) };
    } catch (error) {
      if (error instanceof OciError && isContentFault(error)) {
        return { digest, kind: 'malformed', message: error.message };
      }
      if (error instanceof OciError) return { digest, kind: 'unreachable', error };
      // The time of the whole verification is up. That of whoever asked for it ends it by rejecting.
      if (!signal.aborted || !(signal.reason instanceof DeadlineError)) throw error;
      const late = new OciError('Timeout', `signature ${digest}: no time was left to judge it`, { cause: error });
      return { digest, kind: 'unreachable', error: late };
    } finally {
      release();
    }
  }

  /** Waits until no other large envelope is in memory. @returns what ends the turn */
  async #turn(signal: AbortSignal): Promise<() => void> {
    const before = this.#large;
    const own = Promise.withResolvers<void>();
    this.#large = before.then(() => own.promise);
    try {
      await untilAborted(before, signal);
      return own.resolve;
    } catch (error) {
      own.resolve();
      throw error;
    }
  }

  #verify(
    request: JudgeRequest,
    statement: PolicyStatement,
    subject: Descriptor,
    artifact: SignatureArtifact,
    signal: AbortSignal,
  ): Promise<SignatureOutcome> {
    return verifySignature({
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
      ...(this.#options.cache === undefined ? {} : { cache: this.#options.cache }),
      signal,
    });
  }

  async #fetch(
    request: JudgeRequest,
    subject: Descriptor,
    signature: Descriptor,
    signal: AbortSignal,
    beforeEnvelope: (bytes: number) => Promise<void>,
  ): Promise<SignatureArtifact> {
    const repository = repositoryName(request.reference);
    const kept = this.#signatures.get(repository, signature.digest);
    this.#options.onLookup?.('signature', kept !== undefined);
    if (kept !== undefined) {
      await beforeEnvelope(kept.envelope.byteLength);
      return kept;
    }
    const { client, reference } = request;
    const artifact = await fetchSignature(client, reference, subject, signature, signal, beforeEnvelope);
    this.#signatures.set(repository, signature.digest, artifact);
    return artifact;
  }
}

/** Whether a fault says nothing of the image: whoever asks later, or with other credentials, may be answered. */
function isPassing(fault: OciError): boolean {
  return refusesOnlyUs(fault) || OUT_OF_REACH.has(fault.code);
}

const OUT_OF_REACH: ReadonlySet<OciErrorCode> = new Set(['Unreachable', 'Timeout', 'ServerError']);

/** The outcome alone: what is foreign and large in it goes. */
function withoutEnvelope(signature: EvaluatedSignature): EvaluatedSignature {
  if (signature.kind !== 'evaluated') return signature;
  const { envelope, ...outcome } = signature.outcome;
  return { ...signature, outcome };
}

/** Whether a signature makes its subject trusted. */
export function passes(signature: EvaluatedSignature): boolean {
  return signature.kind === 'evaluated' && signature.outcome.verdict === 'Trusted';
}
