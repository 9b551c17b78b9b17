import { OciError } from './error.ts';

/** One link of a Link header (RFC 8288 §3): the target, then parameters. */
const TARGET = /[\s,]*<([^<>]{1,8192})>/y;
const PARAMETER = /\s*;\s*([A-Za-z0-9_*-]{1,64})\s*(?:=\s*(?:"([^"]{0,1024})"|([^\s",;]{0,1024})))?/y;

/**
 * The target of the first link whose relation is `next`; undefined when there is none.
 * @param header all Link headers of an answer, joined by commas
 * @throws OciError InvalidAnswer when the header cannot be read to its end: a page must not be lost unseen
 */
export function nextLink(header: string, what: string): string | undefined {
  let position = 0;
  for (;;) {
    TARGET.lastIndex = position;
    const target = TARGET.exec(header);
    if (target === null) {
      if (/^[\s,]*$/.test(header.slice(position))) return undefined;
      throw new OciError('InvalidAnswer', `${what}: the Link header cannot be read, so later pages cannot be found`);
    }
    position = TARGET.lastIndex;
    let isNext = false;
    for (;;) {
      PARAMETER.lastIndex = position;
      const parameter = PARAMETER.exec(header);
      if (parameter === null) break;
      position = PARAMETER.lastIndex;
      const relations = (parameter[2] ?? parameter[3] ?? '').toLowerCase().split(/\s+/);
      if (parameter[1]?.toLowerCase() === 'rel' && relations.includes('next')) isNext = true;
    }
    if (isNext) return target[1];
  }
}
