import { describe, expect, it } from 'vitest';
import { CHAIN_MUTATIONS } from './chain-rows.ts';
import { COSE_MUTATIONS } from './cose-rows.ts';
import { type Forged, forgeAndVerify, type Hooks } from './forge.ts';
import { HEADER_MUTATIONS } from './header-rows.ts';
import { JWS_MUTATIONS } from './jws-rows.ts';
import { type Format, KIND_NAMES, type KindName } from './kinds.ts';
import type { Mutation } from './mutation.ts';
import { PAYLOAD_MUTATIONS } from './payload-rows.ts';
import { SIGNATURE_MUTATIONS } from './signature-rows.ts';

const TABLES: Readonly<Record<string, readonly Mutation[]>> = {
  headers: HEADER_MUTATIONS,
  payload: PAYLOAD_MUTATIONS,
  signature: SIGNATURE_MUTATIONS,
  certificates: CHAIN_MUTATIONS,
  'JSON and base64': JWS_MUTATIONS,
  CBOR: COSE_MUTATIONS,
};
const ALL = Object.values(TABLES).flat();

const identities = (hooks: Hooks): Hooks =>
  Object.fromEntries(Object.keys(hooks).map((hook) => [hook, <T>(value: T): T => value]));

const controls = new Map<string, Promise<Forged>>();

/** The good envelope by the same path: every hook of the mutation gives back what it gets. */
function controlOf(format: Format, kind: KindName, hooks: Hooks): Promise<Forged> {
  const path = [format, kind, ...Object.keys(hooks)].join(' ');
  const control = controls.get(path) ?? forgeAndVerify(format, kind, identities(hooks));
  controls.set(path, control);
  return control;
}

describe.each(Object.entries(TABLES))('one thing wrong with %s', (_table, mutations) => {
  const cases = mutations.flatMap((mutation) =>
    mutation.formats.map((format): [string, Format, Mutation] => [
      `(${mutation.rule}) ${format} ${mutation.kind}: ${mutation.name}`,
      format,
      mutation,
    ]),
  );

  it.each(cases)('%s', async (_title, format, { kind, hooks, check, code, reason }) => {
    const { outcome: control, seen: controlSeen } = await controlOf(format, kind, hooks);
    expect(control.decisive?.reason, 'the control is accepted').toBeUndefined();
    expect([control.verdict, controlSeen.verdict]).toEqual(['Trusted', 'Trusted']);

    const { outcome, seen, changed } = await forgeAndVerify(format, kind, hooks);
    expect(changed, 'the mutation changes something').toBe(true);
    expect(outcome.decisive).toMatchObject({ type: check, result: 'failed', code });
    expect(outcome.decisive?.reason).toMatch(reason);
    expect(outcome.checks.at(-1)).toBe(outcome.decisive);
    expect(seen.checks, 'a cache that has seen it says the same').toEqual(outcome.checks);
    const before = outcome.checks.slice(0, -1).map(({ result }) => result);
    expect(before, 'every check before passed').toEqual(before.map(() => 'passed'));
    const isExpiry = code === 'SignatureExpired' || code === 'CertificateExpired';
    expect(outcome.verdict).toBe(isExpiry ? 'Expired' : 'Untrusted');
  });
});

it('the good envelope of every kind is trusted, in both formats (B, C, D)', async () => {
  for (const kind of KIND_NAMES) {
    for (const format of ['JWS', 'COSE'] as const) {
      const { outcome } = await forgeAndVerify(format, kind, {});
      expect(outcome.decisive?.reason, `${format} ${kind}`).toBeUndefined();
      expect(outcome.verdict).toBe('Trusted');
      expect(outcome.checks.map(({ result }) => result)).toEqual(Array.from({ length: 7 }, () => 'passed'));
    }
  }
});

it('there are at least 150 mutations of each format, each of a name of its own', () => {
  const names = ALL.flatMap(({ rule, name, kind, formats }) =>
    formats.map((format) => [rule, format, kind, name].join(' ')),
  );
  expect(new Set(names).size).toBe(names.length);
  for (const format of ['JWS', 'COSE'] as const) {
    const count = ALL.filter(({ formats }) => formats.includes(format)).length;
    expect(count, format).toBeGreaterThanOrEqual(150);
  }
});
