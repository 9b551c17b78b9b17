import type { Descriptor } from '../notary/index.ts';
import { OciError, type Reference, repositoryName } from '../oci/index.ts';
import { CoveringIndexes, indexReferences } from './covering-indexes.ts';
import { type combine, type EvaluatedSignature, registryCause, shortDigest } from './evaluation.ts';
import { type ImageKey, imageKey, referenceOf } from './image.ts';
import type { VerifyRequest } from './image-verifier.ts';
import type { PolicyStatement } from './policy-set.ts';
import { type KeptList, passes, type SignatureJudge } from './signature-judge.ts';

/** What the indexes that list an image give beside its own signatures. */
export interface Coverage {
  readonly signatures: readonly EvaluatedSignature[];
  readonly truncated: boolean;
  /** Why no index covers the image: sentences. */
  readonly notes: readonly string[];
  /** The oldest list that stands in for a registry out of reach. */
  readonly standsIn?: KeptList;
  /** It is not known whether an index covers the image. */
  readonly fault?: OciError;
}

export const NOT_ASKED: Coverage = { signatures: [], truncated: false, notes: [] };

/** Judges the signatures of the indexes that list an image, a platform manifest (notary.md A9). */
export class IndexCoverage {
  readonly #judge: SignatureJudge;
  readonly #indexes = new CoveringIndexes();
  /** Images whose indexes of before the restart were looked at. */
  readonly #recalled = new Set<ImageKey>();

  constructor(judge: SignatureJudge) {
    this.#judge = judge;
  }

  /** The indexes that are known to list an image, by digest. */
  indexesOf(key: ImageKey): readonly string[] {
    return this.#indexes.of(key).map(({ digest }) => digest);
  }

  forget(key: ImageKey): void {
    for (const index of this.#indexes.of(key)) this.#forgetIndex(key, index);
    this.#indexes.forget(key);
    this.#recalled.delete(key);
  }

  /** Where something else needs the list of an index too, it is read once more. */
  #forgetIndex(key: ImageKey, { digest }: Descriptor): void {
    this.#judge.forget(imageKey(repositoryName(referenceOf(key)), digest));
  }

  /**
   * The signatures of the indexes that list an image: those known, and only where none of their signatures passes, those
   * that the references under which it was asked for name now (notary.md A9).
   */
  async find(
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
}

/** Says of an image that fails why no index covers it; and that it is Unknown where that could not be found out. */
export function withCoverage(
  combined: ReturnType<typeof combine>,
  { fault, notes }: Coverage,
): ReturnType<typeof combine> {
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
export function older(one: KeptList | undefined, other: KeptList): KeptList | undefined {
  if (other.standsInFor === undefined) return one;
  return one === undefined || other.listedAt < one.listedAt ? other : one;
}
