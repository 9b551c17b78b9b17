import type { SignatureArtifact } from '../oci/index.ts';

/**
 * Signatures once fetched, by repository and digest. Their content is addressed by digest, so nothing here can become
 * stale; it is bounded by bytes, and the least recently used go first.
 */
export class SignatureCache {
  readonly #maxBytes: number;
  readonly #entries = new Map<string, SignatureArtifact>();
  #bytes = 0;

  /** @param maxBytes how many bytes of envelopes to keep at most */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get(repository: string, digest: string): SignatureArtifact | undefined {
    const key = `${repository}@${digest}`;
    const found = this.#entries.get(key);
    if (found !== undefined) {
      this.#entries.delete(key);
      this.#entries.set(key, found);
    }
    return found;
  }

  set(repository: string, digest: string, artifact: SignatureArtifact): void {
    const key = `${repository}@${digest}`;
    // One large envelope must not push everything else out.
    if (artifact.envelope.byteLength > this.#maxBytes / 16 || this.#entries.has(key)) return;
    this.#entries.set(key, artifact);
    this.#bytes += artifact.envelope.byteLength;
    for (const [oldest, entry] of this.#entries) {
      if (this.#bytes <= this.#maxBytes) break;
      this.#entries.delete(oldest);
      this.#bytes -= entry.envelope.byteLength;
    }
  }

  get bytes(): number {
    return this.#bytes;
  }
}
