import type { SignatureArtifact } from '../oci/index.ts';

/**
 * Signatures once fetched, by repository and digest. Their content is addressed by digest, so nothing here can become
 * stale; it is bounded by bytes, and the least recently used go first.
 */
export class SignatureCache {
  readonly #maxBytes: number;
  readonly #entries = new Map<string, SignatureArtifact>();
  #bytes = 0;

  /** @param maxBytes how many bytes to keep at most, annotations and the keeping itself counted in */
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
    const bytes = sizeOf(artifact);
    if (bytes > this.#maxBytes / 16 || this.#entries.has(key)) return;
    this.#entries.set(key, artifact);
    this.#bytes += bytes;
    for (const [oldest, entry] of this.#entries) {
      if (this.#bytes <= this.#maxBytes) break;
      this.#entries.delete(oldest);
      this.#bytes -= sizeOf(entry);
    }
  }

  get bytes(): number {
    return this.#bytes;
  }
}

/** About what an entry takes beside its texts: keys, objects, descriptors. */
const OVERHEAD_BYTES = 1_024;

/** Whoever may push chooses the annotations too: an envelope of a byte may come with megabytes of them. */
function sizeOf({ envelope, annotations }: SignatureArtifact): number {
  let characters = 0;
  for (const [key, value] of Object.entries(annotations)) characters += key.length + value.length;
  return OVERHEAD_BYTES + envelope.byteLength + 2 * characters;
}
