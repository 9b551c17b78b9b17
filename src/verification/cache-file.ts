import { createHash } from 'node:crypto';

/** Grows when what is in the files changes: a file of another version is not read. */
const VERSION = 1;
const FORMAT = 'sealwatch verdict cache';
/** A header has its name, which has at most a registry, a repository and a digest. */
const MAX_HEADER_BYTES = 2_048;
const NEWLINE = 0x0a;

/** What a file is about. */
export interface FileName {
  readonly kind: 'content' | 'list' | 'verdict';
  /** `registry/repository@digest`. */
  readonly name: string;
}

/**
 * The bytes of a file of the cache: a line of JSON that says what the file is, and the content. Its SHA-256 tells a file
 * that was cut short or damaged; it is no proof of who wrote it, and nothing is believed for it.
 */
export function wrap({ kind, name }: FileName, content: Uint8Array): Buffer {
  const header = { format: FORMAT, version: VERSION, kind, name, sha256: sha256(content) };
  return Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), content]);
}

/** The content of a file that is whole, of this version, and about what is looked for; otherwise undefined. */
export function unwrap({ kind, name }: FileName, file: Buffer): Buffer | undefined {
  const end = file.subarray(0, MAX_HEADER_BYTES).indexOf(NEWLINE);
  if (end === -1) return undefined;
  const content = file.subarray(end + 1);
  const expected = JSON.stringify({ format: FORMAT, version: VERSION, kind, name, sha256: sha256(content) });
  return file.toString('utf8', 0, end) === expected ? content : undefined;
}

/** The name of the file in its folder: names of images may be long, and hold slashes. */
export function keyOf({ kind, name }: FileName): string {
  return `${kind}-${sha256(Buffer.from(name))}`;
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
