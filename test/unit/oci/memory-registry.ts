import type { IncomingMessage } from 'node:http';
import { digestOf, start } from './wire-client.ts';
import { answer, type WireRegistry } from './wire-registry.ts';

export interface MemoryRegistry extends WireRegistry {
  readonly manifests: Map<string, { readonly bytes: Buffer; readonly mediaType: string }>;
  readonly tags: Map<string, string>;
  /** Runs before a request is worked on: a test holds one back here until another is done. */
  hold: (request: IncomingMessage) => Promise<void>;
}

/** A registry without the Referrers API, in memory, on the wire: what a tag names is replaced without comparison. */
export async function startMemoryRegistry(): Promise<MemoryRegistry> {
  const manifests: MemoryRegistry['manifests'] = new Map();
  const blobs = new Map<string, Buffer>();
  const tags = new Map<string, string>();
  const wire = await start(async (request, response, body) => {
    await registry.hold(request);
    const url = new URL(request.url ?? '/', 'http://registry');
    const [, kind, name = ''] = /^\/v2\/team\/app\/(manifests|blobs|uploads|referrers)\/(.*)$/.exec(url.pathname) ?? [];
    const digest = tags.get(name) ?? name;
    const unknown = (code: string): void => answer(response, 404, JSON.stringify({ errors: [{ code }] }));
    switch (`${request.method} ${kind}`) {
      case 'PUT manifests': {
        const stored = digestOf(body);
        manifests.set(stored, { bytes: body, mediaType: request.headers['content-type'] ?? '' });
        if (!name.startsWith('sha256:')) tags.set(name, stored);
        return answer(response, 201);
      }
      case 'GET manifests': {
        const found = manifests.get(digest);
        if (found === undefined) return unknown('MANIFEST_UNKNOWN');
        return answer(response, 200, found.bytes, { 'content-type': found.mediaType });
      }
      case 'DELETE manifests':
        if (!manifests.delete(digest)) return unknown('MANIFEST_UNKNOWN');
        for (const [tag, named] of tags) if (named === digest) tags.delete(tag);
        return answer(response, 202);
      case 'HEAD blobs':
        return answer(response, blobs.has(name) ? 200 : 404);
      case 'GET blobs':
        return blobs.has(name) ? answer(response, 200, blobs.get(name)) : unknown('BLOB_UNKNOWN');
      case 'POST blobs':
        return answer(response, 202, '', { location: '/v2/team/app/uploads/1?_state=a%2Bb+c' });
      case 'PUT uploads':
        blobs.set(url.searchParams.get('digest') ?? '', body);
        return answer(response, 201);
      default:
        return answer(response, 404, '404 page not found');
    }
  });
  const registry: MemoryRegistry = { ...wire, manifests, tags, hold: async () => undefined };
  return registry;
}
