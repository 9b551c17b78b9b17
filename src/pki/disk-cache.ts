import { type BoundedFolderOptions, openBoundedFolder } from '../disk/index.ts';
import type { RevocationCache } from '../notary/index.ts';

export type DiskCacheOptions = Omit<BoundedFolderOptions, 'suffix' | 'evict'>;

/**
 * Keeps revocation data on disk, at most 512 MiB unless told otherwise; the oldest go first. The content is public and is
 * verified by whoever reads it, so nothing is secret here and nothing is believed.
 */
export function openDiskCache(options: DiskCacheOptions): RevocationCache {
  const folder = openBoundedFolder({ ...options, suffix: '.der', evict: 'oldest' });
  return {
    read: async (key) => {
      const entry = await folder.read(key);
      return entry === undefined ? undefined : { bytes: entry.bytes, fetchedAt: entry.time };
    },
    write: folder.write,
  };
}
