/** The JSON of `sealwatch verify`, as docs/cli.md documents it. */
export interface VerifyJson {
  readonly reference: string;
  readonly digest: string | null;
  readonly verdict: string;
  readonly statement: string | null;
  readonly cause: {
    readonly reason: string;
    readonly rule: string;
    readonly message: string;
    readonly since: string | null;
    readonly revoked: readonly string[];
  } | null;
  readonly signatures: readonly {
    readonly digest: string;
    readonly format: string | null;
    readonly scheme: string | null;
    readonly signedAt: string | null;
    readonly expiresAt: string | null;
    readonly signer: string | null;
    readonly checks: readonly {
      readonly type: string;
      readonly action: string;
      readonly result: string;
      readonly reason: string;
    }[];
  }[];
}

type Shape = (value: unknown, at: string) => void;

const text: Shape = (value, at) => {
  if (typeof value !== 'string' || value === '')
    throw new Error(`${at}: expected a text, found ${JSON.stringify(value)}`);
};
const oneOf =
  (...texts: readonly string[]): Shape =>
  (value, at) => {
    if (typeof value !== 'string' || !texts.includes(value)) throw new Error(`${at}: found ${JSON.stringify(value)}`);
  };
const matching =
  (pattern: RegExp): Shape =>
  (value, at) => {
    if (typeof value !== 'string' || !pattern.test(value)) throw new Error(`${at}: found ${JSON.stringify(value)}`);
  };
const orNull =
  (shape: Shape): Shape =>
  (value, at) => {
    if (value !== null) shape(value, at);
  };
const listOf =
  (shape: Shape): Shape =>
  (value, at) => {
    if (!Array.isArray(value)) throw new Error(`${at}: expected a list`);
    for (const [i, item] of value.entries()) shape(item, `${at}[${i}]`);
  };
/** Exactly these keys, in this order. */
const object =
  (members: Readonly<Record<string, Shape>>): Shape =>
  (value, at) => {
    if (typeof value !== 'object' || value === null) throw new Error(`${at}: expected an object`);
    const [found, expected] = [Object.keys(value), Object.keys(members)];
    if (found.join() !== expected.join()) throw new Error(`${at}: expected the keys ${expected}, found ${found}`);
    for (const [key, member] of Object.entries(value)) members[key]?.(member, `${at}.${key}`);
  };

const digest = matching(/^sha256:[0-9a-f]{64}$/);
const time = matching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
const VERIFY = object({
  reference: text,
  digest: orNull(digest),
  verdict: oneOf('Trusted', 'Expired', 'Revoked', 'Untrusted', 'Unsigned', 'Unknown', 'Uncovered'),
  statement: orNull(text),
  cause: orNull(
    object({
      reason: matching(/^[A-Z][A-Za-z]+$/),
      rule: matching(/^[A-I]\d{0,2}$/),
      message: text,
      since: orNull(time),
      revoked: listOf(text),
    }),
  ),
  signatures: listOf(
    object({
      digest,
      format: orNull(oneOf('JWS', 'COSE')),
      scheme: orNull(oneOf('notary.x509', 'notary.x509.signingAuthority')),
      signedAt: orNull(time),
      expiresAt: orNull(time),
      signer: orNull(text),
      checks: listOf(
        object({
          type: oneOf(
            'integrity',
            'authenticity',
            'expiry',
            'authenticTimestamp',
            'revocation',
            'descriptor',
            'userMetadata',
          ),
          action: oneOf('enforce', 'log', 'skip'),
          result: oneOf('passed', 'failed', 'unknown', 'skipped'),
          reason: text,
        }),
      ),
    }),
  ),
});

/** Reads what `sealwatch verify --output json` printed. @throws Error where it is not exactly of the documented shape */
export function parseVerifyJson(stdout: string): VerifyJson {
  const value: unknown = JSON.parse(stdout);
  VERIFY(value, '$');
  return value as VerifyJson;
}
