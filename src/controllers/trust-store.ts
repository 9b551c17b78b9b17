import type { Condition, ConditionReason } from '../api/conditions.ts';
import { CONDITIONS } from '../api/conditions.ts';
import { TRUST_STORES } from '../api/group.ts';
import type { ObjectKey } from '../api/object.ts';
import type { TrustStore, TrustStoreCertificateStatus, TrustStoreStatus } from '../api/trust-store.ts';
import { ApiError, setCondition } from '../kubernetes/index.ts';
import { distinguishedNameOf, NotaryError, parseTrustStore, type TrustStoreCertificates } from '../notary/index.ts';
import type { TrustStoreSet } from '../verification/index.ts';
import type { ControllerContext, ReconcileResult } from './context.ts';
import { readKey } from './object-data.ts';
import { writeAndTell } from './ready-event.ts';
import { count } from './wording.ts';

const DAY_MS = 24 * 60 * 60_000;

/** `ExpiringSoon` says so this long before the first certificate of a store expires. */
const EXPIRING_SOON_MS = 30 * DAY_MS;

export interface TrustStoreControllerOptions {
  readonly context: ControllerContext;
  readonly stores: ReadonlyMap<ObjectKey, TrustStore>;
  readonly inForce: TrustStoreSet;
  /** How often a bundle from a ConfigMap or Secret is read again, milliseconds. */
  readonly refreshMs: number;
  /** The certificates in force changed: verdicts may change. */
  readonly onChange: () => void;
}

type Loaded =
  | { readonly kind: 'loaded'; readonly store: TrustStoreCertificates }
  | { readonly kind: 'failed'; readonly reason: ConditionReason; readonly message: string };

/** Keeps the trust stores in force in step with the TrustStore objects (design.md, "TrustStore"; notary.md F9). */
export class TrustStoreController {
  readonly #options: TrustStoreControllerOptions;

  constructor(options: TrustStoreControllerOptions) {
    this.#options = options;
  }

  async reconcile(key: ObjectKey, signal: AbortSignal): Promise<ReconcileResult> {
    const { stores, inForce, onChange, refreshMs } = this.#options;
    const object = stores.get(key);
    if (object === undefined) {
      if (inForce.remove(key)) onChange();
      return {};
    }
    const rival = this.#olderRival(object);
    const loaded: Loaded =
      rival === undefined
        ? await this.#load(object, signal)
        : {
            kind: 'failed',
            reason: 'DuplicateName',
            message: `the older TrustStore ${rival} already is ${object.spec.type}:${storeName(object)}: rename or delete one`,
          };
    const changed =
      loaded.kind === 'loaded'
        ? inForce.put(key, loaded.store)
        : rival === undefined
          ? this.#keepLastGood(object)
          : inForce.remove(key);
    if (changed) onChange();
    await writeAndTell(this.#options.context, TRUST_STORES, object, this.#status(object, loaded));
    const fromSource = object.spec.caBundleFrom !== undefined;
    return { requeueAfterMs: fromSource ? refreshMs : DAY_MS / 4 };
  }

  async #load(object: TrustStore, signal: AbortSignal): Promise<Loaded> {
    const source = await this.#readBundle(object, signal);
    if (source.kind === 'failed') return source;
    try {
      return { kind: 'loaded', store: parseTrustStore(object.spec.type, storeName(object), source.pem) };
    } catch (error) {
      if (!(error instanceof NotaryError)) throw error;
      return { kind: 'failed', reason: 'InvalidBundle', message: `${source.field}: ${error.message}` };
    }
  }

  async #readBundle(
    object: TrustStore,
    signal: AbortSignal,
  ): Promise<
    { readonly kind: 'read'; readonly field: string; readonly pem: string } | Extract<Loaded, { kind: 'failed' }>
  > {
    const { caBundle, caBundleFrom } = object.spec;
    if (caBundle !== undefined) return { kind: 'read', field: 'spec.caBundle', pem: caBundle };
    const reference = caBundleFrom?.configMapKeyRef ?? caBundleFrom?.secretKeyRef;
    if (reference === undefined) {
      const message = 'spec: expected caBundle or caBundleFrom with configMapKeyRef or secretKeyRef; found neither';
      return { kind: 'failed', reason: 'InvalidSpec', message };
    }
    const kind = caBundleFrom?.configMapKeyRef === undefined ? 'Secret' : 'ConfigMap';
    const where = `${kind} ${reference.namespace}/${reference.name}`;
    try {
      const pem = await readKey(this.#options.context.client, kind, reference, signal);
      if (pem !== undefined) return { kind: 'read', field: `${where}, key ${reference.key}`, pem };
      return { kind: 'failed', reason: 'SourceNotFound', message: `${where} has no key ${reference.key}: add it` };
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 404)
        return { kind: 'failed', reason: 'SourceNotFound', message: `${where} does not exist: create it` };
      if (error.status === 403) {
        const message = `the operator may not read ${where}: grant it get on ${kind.toLowerCase()}s in ${reference.namespace}`;
        return { kind: 'failed', reason: 'SourceForbidden', message };
      }
      throw error;
    }
  }

  /**
   * Puts the last good bundle in force again where this process does not have it yet (faults.md 49). The API server lets
   * status hold none but what spec.caBundle once was, so that who may write the status alone brings no root into force.
   */
  #keepLastGood(object: TrustStore): boolean {
    const { inForce, context } = this.#options;
    const name = storeName(object);
    if (inForce.ownerOf(object.spec.type, name) === object.metadata.name) return false;
    const pem = object.status?.lastGoodBundle;
    if (pem === undefined) return inForce.remove(object.metadata.name);
    try {
      return inForce.put(object.metadata.name, parseTrustStore(object.spec.type, name, pem));
    } catch (error) {
      if (!(error instanceof NotaryError)) throw error;
      context.logger.warn(
        { resource: TRUST_STORES.plural, object: object.metadata.name, err: error },
        'status.lastGoodBundle is not usable',
      );
      return inForce.remove(object.metadata.name);
    }
  }

  #olderRival(object: TrustStore): string | undefined {
    for (const other of this.#options.stores.values()) {
      if (other.metadata.name === object.metadata.name || other.spec.type !== object.spec.type) continue;
      if (storeName(other) === storeName(object) && isOlder(other, object)) return other.metadata.name;
    }
    return undefined;
  }

  #status(object: TrustStore, loaded: Loaded): TrustStoreStatus {
    const now = this.#options.context.clock();
    const inForce = this.#options.inForce;
    const held = inForce.ownerOf(object.spec.type, storeName(object)) === object.metadata.name;
    const store = held ? inForce.find(object.spec.type, storeName(object)) : undefined;
    const certificates = (store?.certificates ?? []).map(certificateStatus);
    const earliest = certificates.map((certificate) => certificate.notAfter).sort()[0];
    // The bundle of a ConfigMap or Secret is not kept: nothing would show that it ever stood there.
    const lastGood = loaded.kind === 'loaded' ? object.spec.caBundle : object.status?.lastGoodBundle;
    return {
      observedGeneration: object.metadata.generation ?? 0,
      certificates,
      certificateCount: certificates.length,
      ...(earliest === undefined ? {} : { earliestExpiry: earliest }),
      ...(lastGood === undefined ? {} : { lastGoodBundle: lastGood }),
      conditions: this.#conditions(object, loaded, certificates, lastGood !== undefined, now),
    };
  }

  #conditions(
    object: TrustStore,
    loaded: Loaded,
    certificates: readonly TrustStoreCertificateStatus[],
    survivesRestart: boolean,
    now: Date,
  ): readonly Condition[] {
    const observedGeneration = object.metadata.generation ?? 0;
    const kept =
      certificates.length > 0
        ? `; the last good bundle (${count(certificates.length, 'certificate')}) stays in force${survivesRestart ? '' : ' until the operator restarts'}`
        : '';
    const ready =
      loaded.kind === 'loaded'
        ? ({
            status: 'True',
            reason: 'CertificatesLoaded',
            message: `${count(certificates.length, 'certificate')} in force`,
          } as const)
        : ({ status: 'False', reason: loaded.reason, message: `${loaded.message}${kept}` } as const);
    const soon = certificates.filter(
      (certificate) => Date.parse(certificate.notAfter) - now.getTime() < EXPIRING_SOON_MS,
    );
    const expiring =
      soon.length > 0
        ? ({
            status: 'True',
            reason: 'SomeExpiring',
            message: soon.map((certificate) => `${certificate.subject} expires ${certificate.notAfter}`).join('; '),
          } as const)
        : ({ status: 'False', reason: 'NoneExpiring', message: 'no certificate expires within 30 days' } as const);
    let conditions = setCondition(
      object.status?.conditions ?? [],
      { type: CONDITIONS.ready, ...ready, observedGeneration },
      now,
    );
    conditions = setCondition(conditions, { type: CONDITIONS.expiringSoon, ...expiring, observedGeneration }, now);
    return conditions;
  }
}

/** The name under which policies know a TrustStore. */
export function storeName(object: TrustStore): string {
  return object.spec.trustStoreName ?? object.metadata.name;
}

function isOlder(a: TrustStore, b: TrustStore): boolean {
  const difference = Date.parse(a.metadata.creationTimestamp) - Date.parse(b.metadata.creationTimestamp);
  return difference === 0 ? a.metadata.name < b.metadata.name : difference < 0;
}

function certificateStatus(certificate: TrustStoreCertificates['certificates'][number]): TrustStoreCertificateStatus {
  return {
    subject: distinguishedNameOf(certificate),
    issuer: distinguishedNameOf(certificate, 'issuer'),
    serialNumber: certificate.serialNumber.toLowerCase(),
    sha256: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    notBefore: certificate.validFromDate.toISOString().replace('.000Z', 'Z'),
    notAfter: certificate.validToDate.toISOString().replace('.000Z', 'Z'),
  };
}
