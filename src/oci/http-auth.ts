import type { Credentials } from './credentials.ts';

/** What a registry asks for with 401 (RFC 9110 §11.6.1; distribution-spec, token authentication). */
export type Challenge =
  | { readonly kind: 'basic' }
  | { readonly kind: 'bearer'; readonly realm: string; readonly service?: string; readonly scope?: string };

const SCHEME = /^\s*(basic|bearer)(?:\s+|$)/i;
const PARAMETER = /^\s*([A-Za-z0-9_-]{1,40})\s*=\s*(?:"([^"]{0,2000})"|([^\s",]{1,2000}))\s*(?:,|$)/;

/** Reads a WWW-Authenticate header; undefined when it asks for neither basic nor bearer. */
export function parseChallenge(header: string): Challenge | undefined {
  const scheme = SCHEME.exec(header);
  if (scheme?.[1] === undefined) return undefined;
  if (scheme[1].toLowerCase() === 'basic') return { kind: 'basic' };
  const parameters = new Map<string, string>();
  let rest = header.slice(scheme[0].length);
  for (let match = PARAMETER.exec(rest); match !== null; match = PARAMETER.exec(rest)) {
    parameters.set((match[1] ?? '').toLowerCase(), match[2] ?? match[3] ?? '');
    rest = rest.slice(match[0].length);
  }
  const realm = parameters.get('realm');
  if (realm === undefined || !URL.canParse(realm)) return undefined;
  const [service, scope] = [parameters.get('service'), parameters.get('scope')];
  return {
    kind: 'bearer',
    realm,
    ...(service === undefined ? {} : { service }),
    ...(scope === undefined ? {} : { scope }),
  };
}

/** The Authorization header for credentials that need no token; undefined for anonymous. */
export function authorizationOf(credentials: Credentials): string | undefined {
  switch (credentials.kind) {
    case 'anonymous':
      return undefined;
    case 'basic':
      return `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`, 'utf8').toString('base64')}`;
    case 'bearer':
      return `Bearer ${credentials.token}`;
  }
}
