export { type DiskCacheOptions, openDiskCache } from './disk-cache.ts';
export { createHttpFetch, type HttpFetchOptions } from './http-fetch.ts';
