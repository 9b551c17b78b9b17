import { describe, expect, it } from 'vitest';
import { formatReference, parseReference } from '../../../src/oci/index.ts';
import { parseSettings, SettingsError } from '../../../src/settings/index.ts';

function at(mirrors: readonly unknown[], image: string): string {
  return formatReference(
    parseSettings(JSON.stringify({ registry: { mirrors } })).mirrors.locate(parseReference(image)),
  );
}

describe('registry.mirrors', () => {
  const mirrors = [
    { prefix: 'docker.io', mirror: 'mirror.example.com/hub' },
    { prefix: 'docker.io/library', mirror: 'mirror.example.com:5000/official' },
    { prefix: 'quay.io', mirror: 'quay.example.com' },
    { prefix: 'ghcr.io/acme/app', mirror: 'mirror.example.com/app' },
  ];

  it.each([
    ['nginx', 'mirror.example.com:5000/official/nginx:latest'],
    ['acme/web:v1', 'mirror.example.com/hub/acme/web:v1'],
    ['index.docker.io/acme/web', 'mirror.example.com/hub/acme/web:latest'],
    ['quay.io/acme/web:v1', 'quay.example.com/acme/web:v1'],
    ['ghcr.io/acme/app:v1', 'mirror.example.com/app:v1'],
    ['ghcr.io/acme/app/sub:v1', 'mirror.example.com/app/sub:v1'],
    // Whole components only.
    ['ghcr.io/acme/app2:v1', 'ghcr.io/acme/app2:v1'],
    ['docker.io/library2/x:v1', 'mirror.example.com/hub/library2/x:v1'],
    ['quay.io.evil.example/acme/web:v1', 'quay.io.evil.example/acme/web:v1'],
    // A mirror is a place, not a name: it has no mirror itself.
    ['mirror.example.com/hub/acme/web:v1', 'mirror.example.com/hub/acme/web:v1'],
  ])('%s is asked for at %s', (image, place) => {
    expect(at(mirrors, image)).toBe(place);
  });

  it.each([
    [{ registry: [] }, 'registry: expected a mapping'],
    [{ registry: { mirror: [] } }, 'registry.mirror: no such field; expected mirrors'],
    [{ registry: { mirrors: {} } }, 'registry.mirrors: expected a list'],
    [{ registry: { mirrors: ['x'] } }, 'registry.mirrors[0]: expected a mapping'],
    [{ registry: { mirrors: [{ prefix: 'quay.io' }] } }, 'registry.mirrors[0].mirror: expected'],
    [{ registry: { mirrors: [{ prefix: 'library', mirror: 'm.example' }] } }, 'registry.mirrors[0].prefix: expected'],
    [{ registry: { mirrors: [{ prefix: 'quay.io/', mirror: 'm.example' }] } }, 'registry.mirrors[0].prefix: expected'],
    [{ registry: { mirrors: [{ prefix: 'quay.io/a:v1', mirror: 'm.example/a' }] } }, '[0].prefix: expected'],
    [{ registry: { mirrors: [{ prefix: 'quay.io/*', mirror: 'm.example/a' }] } }, '[0].prefix: expected'],
    [{ registry: { mirrors: [{ prefix: 'quay.io', mirror: 'https://m.example' }] } }, '[0].mirror: expected'],
    [{ registry: { mirrors: [{ prefix: 'quay.io/a', mirror: 'm.example' }] } }, '[0].mirror: expected a path too'],
    [
      {
        registry: {
          mirrors: [
            { prefix: 'quay.io', mirror: 'a.example' },
            { prefix: 'quay.io', mirror: 'b.example' },
          ],
        },
      },
      'registry.mirrors[1].prefix: quay.io stands at 0 already',
    ],
    [{ mirrors: [] }, 'mirrors: no such field; expected signing, registry'],
  ])('%j is refused: %s', (document, message) => {
    const parse = (): unknown => parseSettings(JSON.stringify(document));
    expect(parse).toThrow(SettingsError);
    expect(parse).toThrow(message);
  });
});
