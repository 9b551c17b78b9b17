import { TokenStore } from './token-store.ts';
import type { Challenge } from './www-authenticate.ts';

const MAX_REGISTRIES = 1_000;

/**
 * What sessions know of registries: what each asks for, and the tokens it gave. Shared only by sessions that trust the
 * same CAs, for a registry's word on where its tokens are to be had is believed by all of them.
 */
export class RegistryMemory {
  readonly tokens: TokenStore;
  readonly #challenges = new Map<string, Challenge>();

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
}
