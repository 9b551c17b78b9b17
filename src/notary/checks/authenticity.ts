import { distinguishedNameOf } from '../certificates/distinguished-name.ts';
import type { Envelope } from '../envelope/envelope.ts';
import type { CheckResult } from '../outcome.ts';
import { matchesTrustedIdentity } from '../trust-policy/identity.ts';
import type { TrustStoreKind, TrustStoreReference } from '../trust-policy/statement.ts';
import type { FindTrustStore } from '../trust-store.ts';
import type { CheckContext } from '../verify.ts';

/**
 * Authenticity: a certificate of the chain is byte-equal to one of a named trust store of the scheme's type (E6, D),
 * and the signer is a trusted identity (F5, F6), or what the plugin takes for one.
 */
export function checkAuthenticity(context: CheckContext): CheckResult {
  const { statement, envelope, findTrustStore } = context;
  const result = (rest: Pick<CheckResult, 'result' | 'reason' | 'code'>): CheckResult => ({
    type: 'authenticity',
    action: statement.actions.authenticity,
    ...rest,
  });
  const type: TrustStoreKind = envelope.scheme === 'notary.x509' ? 'ca' : 'signingAuthority';
  const stores = statement.trustStores.filter((store) => store.type === type);
  if (stores.length === 0) {
    const reason = `the statement ${statement.name} names no ${type}: trust store, which the scheme ${envelope.scheme} needs`;
    return result({ result: 'failed', code: 'NotFromTrustStore', reason });
  }
  const anchor = findAnchor(envelope, stores, findTrustStore);
  if (anchor === undefined) {
    const missing = stores.find((store) => findTrustStore(store.type, store.name) === undefined);
    if (missing !== undefined) {
      const reason = `the trust store ${missing.type}:${missing.name} is not in force: create the TrustStore, or correct the policy`;
      return result({ result: 'unknown', code: 'TrustStoreUnavailable', reason });
    }
    const root = envelope.certificates.at(-1);
    const from = root === undefined ? 'no certificate' : distinguishedNameOf(root);
    const names = stores.map((store) => `${store.type}:${store.name}`).join(', ');
    return result({
      result: 'failed',
      code: 'NotFromTrustStore',
      reason: `no certificate of its chain (root ${from}) is in ${names}`,
    });
  }
  const identity = matchIdentity(context);
  return identity === undefined
    ? result({ result: 'passed', reason: `signed by a trusted identity, anchored in ${anchor}` })
    : result({ result: 'failed', code: 'NotATrustedIdentity', reason: identity });
}

function findAnchor(
  envelope: Envelope,
  stores: readonly TrustStoreReference[],
  findTrustStore: FindTrustStore,
): string | undefined {
  for (const { type, name } of stores) {
    const trusted = findTrustStore(type, name)?.certificates ?? [];
    if (trusted.some((anchor) => envelope.certificates.some((certificate) => certificate.raw.equals(anchor.raw)))) {
      return `${type}:${name}`;
    }
  }
  return undefined;
}

/** A sentence when the signer is no trusted identity. */
function matchIdentity({ envelope, statement, plugin }: CheckContext): string | undefined {
  if (plugin !== undefined) {
    const answer = plugin.matchesIdentity(envelope, statement.trustedIdentities);
    return answer.trusted ? undefined : answer.reason;
  }
  const leaf = envelope.certificates[0];
  if (leaf !== undefined && matchesTrustedIdentity(leaf, statement.trustedIdentities)) return undefined;
  const subject = leaf === undefined ? 'no certificate' : distinguishedNameOf(leaf);
  return `the signer ${subject} is none of the trusted identities of statement ${statement.name}`;
}
