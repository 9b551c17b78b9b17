import { describe, expect, it } from 'vitest';
import { OciError, platformManifests } from '../../../src/oci/index.ts';
import { digestOf, INDEX, MANIFEST } from './wire-client.ts';

const LIST = 'application/vnd.docker.distribution.manifest.list.v2+json';
const entry = (n: number, more: object = {}): object => ({
  mediaType: MANIFEST,
  digest: `sha256:${String(n).padStart(64, '0')}`,
  size: 1,
  ...more,
});

/** `platform n` of what an index lists. */
function platformsOf(manifests: unknown, mediaType = INDEX): readonly string[] | undefined {
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, manifests }));
  const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.length };
  return platformManifests({ descriptor, bytes }, 'r.example/app')?.map(
    ({ platform, descriptor: { digest } }) => `${platform} ${Number(digest.slice(-4))}`,
  );
}

describe('the platform manifests of an index', () => {
  const linux = (architecture: string, variant?: string): object => ({
    platform: { os: 'linux', architecture, ...(variant === undefined ? {} : { variant }) },
  });

  it.each<[string, unknown, readonly string[]]>([
    [
      'each with its platform',
      [entry(1, linux('amd64')), entry(2, linux('arm', 'v7'))],
      ['linux/amd64 1', 'linux/arm/v7 2'],
    ],
    ['without one', [entry(1)], [' 1']],
    ['each once', [entry(1, linux('amd64')), entry(1, linux('386'))], ['linux/amd64 1']],
    ['none', null, []],
    [
      'no attestation, by its mark',
      [entry(1, linux('amd64')), entry(2, { annotations: { 'vnd.docker.reference.type': 'attestation-manifest' } })],
      ['linux/amd64 1'],
    ],
    [
      'no attestation, by its platform',
      [entry(1, linux('amd64')), entry(2, { platform: { os: 'unknown', architecture: 'unknown' } })],
      ['linux/amd64 1'],
    ],
    [
      'one whose system alone is unknown',
      [entry(1, { platform: { os: 'unknown', architecture: 'arm' } })],
      ['unknown/arm 1'],
    ],
    ['no index within', [entry(1, { mediaType: INDEX }), entry(2, linux('amd64'))], ['linux/amd64 2']],
    ['with a name fit for a message', [entry(1, { platform: { os: 'a\n\u202eb', architecture: {} } })], ['a b 1']],
  ])('are found: %s', (_, manifests, expected) => {
    expect(platformsOf(manifests)).toEqual(expected);
    expect(platformsOf(manifests, LIST)).toEqual(expected);
  });

  it('are not looked for in an image', () => {
    expect(platformsOf([entry(1)], MANIFEST)).toBeUndefined();
  });

  it('are not passed over in silence where an entry is no descriptor', () => {
    expect(() => platformsOf([entry(1), { mediaType: MANIFEST }])).toThrow(OciError);
  });
});
