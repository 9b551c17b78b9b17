import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Tool } from './catalog.ts';

const run = promisify(execFile);
const CONNECT_MS = 3_000;
const DOWNLOAD_MS = 5 * 60_000;
const MAX_BYTES = 512 * 1024 * 1024;

/** What came of a download: the program is there, nobody answered, or what came may not be used. */
export type DownloadResult =
  | { readonly kind: 'done' }
  | { readonly kind: 'unreachable' }
  | { readonly kind: 'refused'; readonly reason: string };

/** Fetches the official program and checks it against the hash that its project publishes. */
export async function download(tool: Tool, target: string): Promise<DownloadResult> {
  const { prebuilt } = tool;
  if (prebuilt === undefined) return { kind: 'unreachable' };
  const base = process.env[prebuilt.baseVariable] ?? prebuilt.base;
  const hashes = await get(`${base}/${prebuilt.hashPath}`, CONNECT_MS);
  if (hashes === undefined) return { kind: 'unreachable' };
  const expected = hashFor(hashes.toString('utf8'), basename(prebuilt.path));
  if (expected === undefined) return { kind: 'refused', reason: `${prebuilt.hashPath} names no hash of ${basename(prebuilt.path)}` };
  const content = await get(`${base}/${prebuilt.path}`, DOWNLOAD_MS);
  if (content === undefined) return { kind: 'unreachable' };
  const found = createHash('sha256').update(content).digest('hex');
  if (found !== expected) return { kind: 'refused', reason: `its SHA-256 is ${found}, published is ${expected}` };
  const folder = await mkdtemp(join(dirname(target), '.download-'));
  try {
    const file = join(folder, 'file');
    await writeFile(file, content, { mode: 0o755 });
    if (prebuilt.member !== undefined) await run('tar', ['-xzf', file, '-C', folder, prebuilt.member]);
    await rename(prebuilt.member === undefined ? file : join(folder, prebuilt.member), target);
    return { kind: 'done' };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Undefined when the host cannot be reached in time, or does not have it. */
async function get(url: string, timeoutMs: number): Promise<Buffer | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
    if (!response.ok || Number(response.headers.get('content-length') ?? 0) > MAX_BYTES) return undefined;
    return Buffer.from(await response.arrayBuffer());
  } catch {
    return undefined;
  }
}

/** A hash file is one hash, or lines of `hash  file`. */
function hashFor(text: string, file: string): string | undefined {
  for (const line of text.split('\n')) {
    const [hash, name] = line.trim().split(/\s+\*?/);
    if (hash !== undefined && /^[0-9a-f]{64}$/.test(hash) && (name === undefined || basename(name) === file)) return hash;
  }
  return undefined;
}
