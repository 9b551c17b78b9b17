import type { IncomingMessage } from 'node:http';
import { digestOf, start } from './wire-client.ts';
import { answer, type WireRegistry } from './wire-registry.ts';

export interface MemoryRegistry extends WireRegistry {
  readonly manifests: Map<string, { readonly bytes: Buffer; readonly mediaType: string }>;
  readonly tags: Map<string, string>;
  /** Runs before a request is worked on: a test holds one back here until another is done. */
  hold: (request: IncomingMessage) => Promise<void>;
  /** Whether a tag has an ETag, and whether writes that carry a condition are compared by it. */
  etags: 'none' | 'compared' | 'refused';
  /** Whether an index that lists what is not there is refused, as the CNCF registry does. */
  checksEntries: boolean;
  /** Answers a request in its place, where it gives one. */
  fault: (request: IncomingMessage) => { readonly status: number; readonly code: string } | undefined;
}

/** A registry without the Referrers API, in memory, on the wire: what a tag names is replaced without comparison. */
export async function startMemoryRegistry(): Promise<MemoryRegistry> {
  const manifests: MemoryRegistry['manifests'] = new Map();
  const blobs = new Map<string, Buffer>();
  const tags = new Map<string, string>();
  const wire = await start(async (request, response, body) => {
    await registry.hold(request);
    const fault = registry.fault(request);
    if (fault !== undefined) return answer(response, fault.status, JSON.stringify({ errors: [{ code: fault.code }] }));
    const url = new URL(request.url ?? '/', 'http://registry');
    const [, kind, name = ''] = /^\/v2\/team\/app\/(manifests|blobs|uploads|referrers)\/(.*)$/.exec(url.pathname) ?? [];
    const digest = tags.get(name) ?? name;
    const unknown = (code: string): void => answer(response, 404, JSON.stringify({ errors: [{ code }] }));
    switch (`${request.method} ${kind}`) {
      case 'PUT manifests': {
        if (!meetsCondition(registry, request, tags.get(name))) return answer(response, 412);
        if (registry.checksEntries && listsUnknown(body, manifests))
          return answer(response, 400, JSON.stringify({ errors: [{ code: 'MANIFEST_BLOB_UNKNOWN' }] }));
        const stored = digestOf(body);
        manifests.set(stored, { bytes: body, mediaType: request.headers['content-type'] ?? '' });
        if (!name.startsWith('sha256:')) tags.set(name, stored);
        return answer(response, 201);
      }
      case 'GET manifests': {
        const found = manifests.get(digest);
        if (found === undefined) return unknown('MANIFEST_UNKNOWN');
        const etag: Readonly<Record<string, string>> = registry.etags === 'none' ? {} : { etag: `"${digest}"` };
        return answer(response, 200, found.bytes, { 'content-type': found.mediaType, ...etag });
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
  const registry: MemoryRegistry = {
    ...wire,
    manifests,
    tags,
    hold: async () => undefined,
    etags: 'none',
    checksEntries: false,
    fault: () => undefined,
  };
  return registry;
}

function meetsCondition({ etags }: MemoryRegistry, { headers }: IncomingMessage, named: string | undefined): boolean {
  const { 'if-match': ifMatch, 'if-none-match': ifNoneMatch } = headers;
  if (etags === 'none' || (ifMatch === undefined && ifNoneMatch === undefined)) return true;
  if (etags === 'refused') return false;
  return ifMatch === undefined ? named === undefined : ifMatch === `"${named}"`;
}

function listsUnknown(body: Buffer, known: MemoryRegistry['manifests']): boolean {
  const { manifests = [] } = JSON.parse(body.toString('utf8')) as {
    readonly manifests?: readonly { readonly digest: string }[];
  };
  return manifests.some(({ digest }) => !known.has(digest));
}
