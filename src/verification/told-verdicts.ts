import type { ImageVerdict } from '../api/image-verdict.ts';
import type { StoredVerdict } from './cache-records.ts';
import type { ImageKey } from './image.ts';
import type { VerdictCache } from './verdict-cache.ts';

/** What was told of images before a restart, and is kept for the next one. It decides nothing. */
export class ToldVerdicts {
  readonly #cache: VerdictCache | undefined;
  readonly #before = new Map<ImageKey, Promise<StoredVerdict | undefined>>();
  /** What was last written of an image, but for the time. */
  readonly #written = new Map<ImageKey, string>();

  /** @param cache absent: nothing outlives a restart */
  constructor(cache: VerdictCache | undefined) {
    this.#cache = cache;
  }

  /** What was told of an image before the restart; read once. */
  before(key: ImageKey): Promise<StoredVerdict | undefined> {
    if (this.#cache === undefined) return Promise.resolve(undefined);
    const told = this.#before.get(key) ?? this.#cache.readVerdict(key);
    this.#before.set(key, told);
    return told;
  }

  /**
   * Keeps what is told of an image: when it changes, and with each new list of its signatures, so that its age is right.
   * @param indexes digests of those known to list the image
   */
  keep(key: ImageKey, verdict: ImageVerdict, indexes: readonly string[], listedAt: Date | undefined): void {
    if (this.#cache === undefined) return;
    const { verifiedAt, ...told } = verdict;
    const text = JSON.stringify([told, indexes, listedAt]);
    if (this.#written.get(key) === text) return;
    this.#written.set(key, text);
    this.#cache.writeVerdict(key, { verdict, indexes });
  }

  forget(key: ImageKey): void {
    this.#before.delete(key);
    this.#written.delete(key);
  }
}
