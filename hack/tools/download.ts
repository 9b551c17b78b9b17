import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, rename, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import type { Prebuilt } from './catalog.ts';

const run = promisify(execFile);
/** A hash is a small file: a host that takes longer is not there for us. */
const HASH_MS = 3_000;
const DOWNLOAD_MS = 5 * 60_000;
const MAX_BYTES = 512 * 1024 * 1024;

/** What came of a download: the program's path, nobody answered, or what was answered may not be used. */
export type DownloadResult =
  | { readonly kind: 'done'; readonly path: string }
  | { readonly kind: 'unreachable' }
  | { readonly kind: 'refused'; readonly reason: string };

/**
 * Fetches an official program and checks it against the hash that its project publishes.
 * @param base address of the project's host, or of a mirror
 * @param folder an empty folder to put it in
 */
export async function download(prebuilt: Prebuilt, base: string, folder: string): Promise<DownloadResult> {
  const hashes = await get(`${base}/${prebuilt.hashPath}`, HASH_MS);
  if (hashes.kind !== 'content') return hashes;
  const expected = hashFor(hashes.bytes.toString('utf8'), basename(prebuilt.path));
  if (expected === undefined) {
    return { kind: 'refused', reason: `${prebuilt.hashPath} names no hash of ${basename(prebuilt.path)}` };
  }
  const content = await get(`${base}/${prebuilt.path}`, DOWNLOAD_MS);
  if (content.kind !== 'content') return content;
  const found = createHash('sha256').update(content.bytes).digest('hex');
  if (found !== expected) return { kind: 'refused', reason: `its SHA-256 is ${found}, published is ${expected}` };
  const file = join(folder, 'download');
  await writeFile(file, content.bytes);
  try {
    const path = prebuilt.member === undefined ? file : await extract(file, prebuilt.member, folder);
    await chmod(path, 0o755);
    return { kind: 'done', path };
  } catch (error) {
    return { kind: 'refused', reason: `it cannot be unpacked: ${error instanceof Error ? error.message : error}` };
  }
}

async function extract(archive: string, member: string, folder: string): Promise<string> {
  await run('tar', ['-xzf', archive, '-C', folder, member]);
  const path = join(folder, 'extracted');
  await rename(join(folder, member), path);
  return path;
}

type Answer = { readonly kind: 'content'; readonly bytes: Buffer } | Exclude<DownloadResult, { kind: 'done' }>;

async function get(url: string, timeoutMs: number): Promise<Answer> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
    if (!response.ok) return { kind: 'refused', reason: `${url} answers ${response.status}` };
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of response.body ?? []) {
      size += chunk.byteLength;
      if (size > MAX_BYTES) return { kind: 'refused', reason: `${url} is larger than ${MAX_BYTES} bytes` };
      chunks.push(chunk);
    }
    return { kind: 'content', bytes: Buffer.concat(chunks) };
  } catch {
    return { kind: 'unreachable' };
  }
}

function hashFor(text: string, file: string): string | undefined {
  for (const line of text.split('\n')) {
    const [hash = '', name] = line.trim().split(/\s+\*?/);
    if (/^[0-9a-f]{64}$/.test(hash) && (name === undefined || basename(name) === file)) return hash;
  }
  return undefined;
}
