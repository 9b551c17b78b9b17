import { TokenStore } from './token-store.ts';
import type { Challenge } from './www-authenticate.ts';

const MAX_REGISTRIES = 1_000;

/**
 * A registry that lacked the Referrers API is asked for it again after this time, or as soon as a tag lists nothing. It
 * hides no verdict: see `SignatureJudge`. Long enough for the usual interval between two looks at an image.
 */
const LACKING_MS = 24 * 60 * 60_000;
/**
 * A repository that was listed by the Referrers API has it for this long, whatever a single answer says: the 404 of an
 * ingress without its backend, or a page of maintenance, must not hide signatures.
 */
const HAVING_MS = 2 * 60 * 60_000;
const MAX_REPOSITORIES = 10_000;

/**
 * What sessions know of registries: what each asks for, the tokens it gave, and whether it lacks the Referrers API. Shared only by sessions that trust the
 * same CAs, for a registry's word on where its tokens are to be had is believed by all of them.
 */
export class RegistryMemory {
  readonly tokens: TokenStore;
  readonly #challenges = new Map<string, Challenge>();
  /** Registries without the Referrers API, until when that is believed, by performance.now(). */
  readonly #lacking = new Map<string, number>();
  /** `registry/repository` that answered by the Referrers API, until when that is held to, by performance.now(). */
  readonly #having = new Map<string, number>();

  /** @param onTokenLookup told whether a token was there, of each that was asked for */
  constructor(onTokenLookup?: (isHit: boolean) => void) {
    this.tokens = new TokenStore(onTokenLookup);
  }

  /** What a registry asked for last; undefined while it asked for nothing. */
  challengeOf(registry: string): Challenge | undefined {
    return this.#challenges.get(registry);
  }

  keepChallenge(registry: string, challenge: Challenge): void {
    if (this.#challenges.size >= MAX_REGISTRIES && !this.#challenges.has(registry)) this.#challenges.clear();
    this.#challenges.set(registry, challenge);
  }

  /** Whether a registry answered lately that it does not have the Referrers API (notary.md A4). */
  lacksReferrersApi(registry: string): boolean {
    return (this.#lacking.get(registry) ?? 0) > performance.now();
  }

  /** Whether a repository was listed by the Referrers API lately. */
  hadReferrersApi(repository: string): boolean {
    return (this.#having.get(repository) ?? 0) > performance.now();
  }

  /** Remembers that a repository was listed by the Referrers API. */
  keepReferrersApi(repository: string): void {
    if (this.#having.size >= MAX_REPOSITORIES && !this.#having.has(repository)) this.#having.clear();
    this.#having.set(repository, performance.now() + HAVING_MS);
  }

  noteReferrersApi(registry: string, has: boolean): void {
    if (has) {
      this.#lacking.delete(registry);
      return;
    }
    if (this.#lacking.size >= MAX_REGISTRIES) this.#lacking.clear();
    this.#lacking.set(registry, performance.now() + LACKING_MS);
  }
}
