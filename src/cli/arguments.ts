import { InvalidArgumentError } from 'commander';
import { InvalidDurationError, parseDuration } from '../api/duration.ts';
import { isRepositoryScope, parseRfc3339 } from '../notary/index.ts';
import { parseAddressRange } from '../transport/index.ts';

/** Parsers of the values of flags. Each throws commander's InvalidArgumentError, which names flag and value. */

export type OutputFormat = 'text' | 'json';
const MAX_METADATA = 64;
/** A hundred years, as durations have it. */
const MAX_DAYS = 36_500;

/** `text` or `json`. */
export function outputFormat(text: string): OutputFormat {
  if (text === 'text' || text === 'json') return text;
  throw new InvalidArgumentError('Expected text or json.');
}

/** Which manifests of an index are signed. */
export type PlatformChoice = 'index' | 'all';

/** `index` or `all`. */
export function platformChoice(text: string): PlatformChoice {
  if (text === 'index' || text === 'all') return text;
  throw new InvalidArgumentError('Expected index or all.');
}

/** A time by RFC 3339. */
export function time(text: string): Date {
  const parsed = parseRfc3339(text);
  if (parsed === undefined) throw new InvalidArgumentError('Expected an RFC 3339 time, such as 2026-02-01T00:00:00Z.');
  return parsed;
}

/** `key=value`, gathered; a value may hold further equals signs. */
export function metadata(text: string, before: ReadonlyMap<string, string> = new Map()): ReadonlyMap<string, string> {
  const equals = text.indexOf('=');
  const key = text.slice(0, Math.max(equals, 0)).trim();
  if (key === '') throw new InvalidArgumentError('Expected key=value, such as build=1234.');
  if (before.has(key)) throw new InvalidArgumentError(`The key ${JSON.stringify(key)} was given before: keep one.`);
  if (before.size >= MAX_METADATA) throw new InvalidArgumentError(`Expected at most ${MAX_METADATA} of them.`);
  return new Map([...before, [key, text.slice(equals + 1)]]);
}

/** How many signatures may be tried (notary.md A7). */
export function signatureLimit(text: string): number {
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > 1_000) throw new InvalidArgumentError('Expected a whole number from 1 to 1000.');
  return limit;
}

/** A duration, in milliseconds. */
export function duration(text: string): number {
  try {
    return parseDuration(text);
  } catch (error) {
    if (!(error instanceof InvalidDurationError)) throw error;
    throw new InvalidArgumentError('Expected a duration such as 90s, 24h or 8760h.');
  }
}

/** A time from now on, in milliseconds: `30d`, or a duration as others are. */
export function period(text: string): number {
  const [, days] = /^(\d{1,5})d$/.exec(text) ?? [];
  if (days !== undefined && Number(days) > 0 && Number(days) <= MAX_DAYS) return Number(days) * 86_400_000;
  try {
    return parseDuration(text);
  } catch (error) {
    if (!(error instanceof InvalidDurationError)) throw error;
    throw new InvalidArgumentError('Expected a time such as 30d, 12h or 90m.');
  }
}

/** Hosts of registries, `host` or `host:port`, with commas, gathered. */
export function hosts(text: string, before: readonly string[] = []): readonly string[] {
  const items = text.split(',').map((item) => item.trim());
  if (items.some((item) => !/^[A-Za-z0-9.[\]:-]{1,255}$/.test(item)))
    throw new InvalidArgumentError('Expected hosts of registries, such as registry.local:5000.');
  return [...before, ...items];
}

/** The name of a namespace. */
export function namespace(text: string): string {
  if (/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(text)) return text;
  throw new InvalidArgumentError('Expected the name of a namespace, such as shop.');
}

/** `name` or `namespace/name` of a Lease. */
export function lease(text: string): string {
  if (/^(?:[a-z0-9-]{1,63}\/)?[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/.test(text)) return text;
  throw new InvalidArgumentError('Expected NAME or NAMESPACE/NAME of a Lease, such as sealwatch-system/sealwatch.');
}

/** CIDRs or addresses, with commas, gathered. */
export function addresses(text: string, before: readonly string[] = []): readonly string[] {
  const items = text.split(',').map((item) => item.trim());
  for (const item of items) {
    try {
      parseAddressRange(item);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new InvalidArgumentError('Expected addresses or CIDRs, such as 10.0.0.0/8.');
    }
  }
  return [...before, ...items];
}

/** The scope of trust policies that stands for a layout: `registry/repository` (notary.md F2). */
export function scope(text: string): string {
  if (isRepositoryScope(text)) return text;
  throw new InvalidArgumentError('Expected registry/repository without tag or digest, such as local/app.');
}

/** An absolute address of HTTP, without credentials. */
export function url(text: string): string {
  const parsed = URL.canParse(text) ? new URL(text) : undefined;
  if (parsed === undefined || (parsed.protocol !== 'https:' && parsed.protocol !== 'http:'))
    throw new InvalidArgumentError('Expected a URL with http or https.');
  if (parsed.username !== '' || parsed.password !== '')
    throw new InvalidArgumentError('Expected a URL without credentials: remove them.');
  return text;
}

/** `jws` or `cose`. */
export function signatureFormat(text: string): 'JWS' | 'COSE' {
  const format = text.toUpperCase();
  if (format === 'JWS' || format === 'COSE') return format;
  throw new InvalidArgumentError('Expected jws or cose.');
}

/** A path or name that is there. */
export function filled(text: string): string {
  if (text === '') throw new InvalidArgumentError('Expected a value.');
  return text;
}
