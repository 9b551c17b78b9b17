import { describe, expect, it } from 'vitest';
import { SignatureCache } from '../../../src/verification/signature-cache.ts';

type Artifact = Parameters<SignatureCache['set']>[2];

function artifact(bytes: number, annotations: Readonly<Record<string, string>> = {}): Artifact {
  const manifest = { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: 'sha256:0', size: 1 };
  return { manifest, envelope: new Uint8Array(bytes), mediaType: 'application/jose+json', annotations };
}

describe('SignatureCache', () => {
  it('keeps signatures by repository and digest', () => {
    const cache = new SignatureCache(1_000_000);
    const kept = artifact(10);
    cache.set('r/a', 'sha256:1', kept);
    expect(cache.get('r/a', 'sha256:1')).toBe(kept);
    expect(cache.get('r/b', 'sha256:1')).toBeUndefined();
    expect(cache.get('r/a', 'sha256:2')).toBeUndefined();
  });

  it('stays under its bound, and lets the least recently used go first', () => {
    const max = 160_000;
    const cache = new SignatureCache(max);
    for (let i = 0; i < 100; i += 1) {
      cache.set('r/a', `sha256:${i}`, artifact(8_000));
      // The first is in use all the time.
      expect(cache.get('r/a', 'sha256:0')).toBeDefined();
      expect(cache.bytes).toBeLessThanOrEqual(max);
    }
    expect(cache.get('r/a', 'sha256:1')).toBeUndefined();
    expect(cache.get('r/a', 'sha256:99')).toBeDefined();
  });

  it('one large envelope pushes nothing else out', () => {
    const cache = new SignatureCache(160_000);
    cache.set('r/a', 'sha256:1', artifact(10));
    const before = cache.bytes;
    cache.set('r/a', 'sha256:2', artifact(10_001));
    expect(cache.get('r/a', 'sha256:2')).toBeUndefined();
    expect(cache.bytes).toBe(before);
  });

  it('a thousand tiny envelopes with large annotations stay under the bound too', () => {
    const cache = new SignatureCache(160_000);
    for (let i = 0; i < 1_000; i += 1) cache.set('r/a', `sha256:${i}`, artifact(1, { note: 'x'.repeat(4_000) }));
    let kept = 0;
    for (let i = 0; i < 1_000; i += 1) if (cache.get('r/a', `sha256:${i}`) !== undefined) kept += 1;
    expect(kept).toBeGreaterThan(0);
    expect(kept * 4_000).toBeLessThan(160_000);
    cache.set('r/a', 'sha256:huge', artifact(1, { note: 'x'.repeat(4_000_000) }));
    expect(cache.get('r/a', 'sha256:huge')).toBeUndefined();
  });

  it('the same signature twice counts once', () => {
    const cache = new SignatureCache(160_000);
    cache.set('r/a', 'sha256:1', artifact(10));
    const before = cache.bytes;
    cache.set('r/a', 'sha256:1', artifact(10));
    expect(cache.bytes).toBe(before);
  });
});
