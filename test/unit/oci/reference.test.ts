import { describe, expect, it } from 'vitest';
import { OciError, parseReference, repositoryName } from '../../../src/oci/index.ts';

const HEX = 'a'.repeat(64);

describe('an image reference', () => {
  it.each([
    ['nginx', 'docker.io/library/nginx', { tag: 'latest' }],
    ['nginx:1.27', 'docker.io/library/nginx', { tag: '1.27' }],
    ['bitnami/redis', 'docker.io/bitnami/redis', { tag: 'latest' }],
    ['docker.io/nginx', 'docker.io/library/nginx', { tag: 'latest' }],
    ['index.docker.io/library/nginx:1', 'docker.io/library/nginx', { tag: '1' }],
    ['localhost/app:v1', 'localhost/app', { tag: 'v1' }],
    ['registry:5000/a/b/c:v1', 'registry:5000/a/b/c', { tag: 'v1' }],
    [`registry.example.com/app@sha256:${HEX}`, 'registry.example.com/app', { digest: `sha256:${HEX}` }],
    [`registry.example.com/app:v1@sha256:${HEX}`, 'registry.example.com/app', { tag: 'v1', digest: `sha256:${HEX}` }],
    ['[::1]:5000/app:v1', '[::1]:5000/app', { tag: 'v1' }],
    ['Registry.Example.COM/app:V1', 'registry.example.com/app', { tag: 'V1' }],
    ['Docker.IO/nginx', 'docker.io/library/nginx', { tag: 'latest' }],
  ])('%s is of the repository %s (F2)', (text, repository, rest) => {
    const reference = parseReference(text);
    expect(repositoryName(reference)).toBe(repository);
    expect(reference).toMatchObject(rest);
  });

  it.each([
    '',
    'https://registry.example.com/app:v1',
    'registry.example.com/App:v1',
    'registry.example.com/app:',
    'registry.example.com/app@sha256:abc',
    `registry.example.com/app@sha256:${HEX.toUpperCase()}`,
    `registry.example.com/app@md5:${'a'.repeat(32)}`,
    'registry.example.com/../app:v1',
    'registry.example.com/app/../../v2/other:v1',
    'registry.example.com//app:v1',
    'registry.example.com/app?x=1',
    'user@registry.example.com/app:v1',
    `registry.example.com/${'a'.repeat(1_100)}`,
    `registry.example.com/${'a'.repeat(256)}`,
    'registry.example.com:99999/app',
    '[1.2.3]/app',
  ])('%s is refused with a sentence that quotes it', (text) => {
    const parse = (): unknown => parseReference(text);
    expect(parse).toThrow(OciError);
    expect(parse).toThrow(/^image reference "/);
  });
});
