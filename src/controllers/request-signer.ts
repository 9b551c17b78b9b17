import type { X509Certificate } from 'node:crypto';
import type { ImageSignatureRequest } from '../api/image-signature-request.ts';
import type { SignerService } from '../aws/index.ts';
import { type FindTrustStore, NotaryError, type RequestTimestamp } from '../notary/index.ts';
import { createAwsSigner } from '../signing/aws-signer.ts';
import { createKeySigner } from '../signing/key-signer.ts';
import type { Signer } from '../signing/signer.ts';
import type { ControllerContext } from './context.ts';
import { readSecret } from './object-data.ts';
import { missingObject, notFoundAs } from './registry-access.ts';
import type { SigningPlan, TimestampPlan } from './request-plan.ts';
import type { Problem } from './request-result.ts';

export interface RequestSignerOptions {
  readonly context: ControllerContext;
  readonly signerService: SignerService;
  readonly signingAgent: string;
  readonly findTrustStore: FindTrustStore;
  /** Asks an authority for timestamps that must be anchored in these roots (notary.md I). */
  readonly timestampRequester: (url: string, tsaRoots: readonly X509Certificate[]) => RequestTimestamp;
}

/** The signer that a request asks for, or what must be changed before there is one. Rejects with ApiError. */
export async function signerOf(
  request: ImageSignatureRequest,
  plan: SigningPlan,
  options: RequestSignerOptions,
  signal: AbortSignal,
): Promise<Signer | Problem> {
  const { by } = plan;
  if (by.kind === 'key') return keySigner(request, by.secretName, plan, options, signal);
  return createAwsSigner({
    profileArn: by.profile.versionArn ?? by.profile.arn,
    ...(by.assumeRoleArn === undefined ? {} : { assumeRoleArn: by.assumeRoleArn }),
    service: options.signerService,
  });
}

async function keySigner(
  request: ImageSignatureRequest,
  secretName: string,
  plan: SigningPlan,
  options: RequestSignerOptions,
  signal: AbortSignal,
): Promise<Signer | Problem> {
  const requestTimestamp = plan.timestamp === undefined ? undefined : timestampOf(plan.timestamp, options);
  if (typeof requestTimestamp === 'object') return requestTimestamp;
  const namespace = request.metadata.namespace ?? '';
  const where = `Secret ${namespace}/${secretName}`;
  try {
    const data = await notFoundAs(where, readSecret(options.context.client, namespace, secretName, signal));
    const [certificate, key] = [data.get('tls.crt'), data.get('tls.key')];
    if (certificate === undefined || key === undefined) {
      const found = [...data.keys()].join(', ') || 'none';
      const message = `${where}: expected the keys tls.crt (chain, leaf first) and tls.key; found ${found}`;
      return { reason: 'KeyInvalid', message, terminal: true };
    }
    return createKeySigner({
      certificatePem: certificate.toString('utf8'),
      privateKeyPem: key.toString('utf8'),
      format: plan.format,
      ...(requestTimestamp === undefined ? {} : { requestTimestamp }),
      signingAgent: options.signingAgent,
    });
  } catch (error) {
    const missing = missingObject(error);
    if (missing !== undefined) return { ...missing, terminal: true };
    if (error instanceof NotaryError)
      return { reason: 'KeyInvalid', message: `${where}: ${error.message}`, terminal: true };
    throw error;
  }
}

/** The roots are those of a TrustStore in force: who may be believed about time is the platform's to say. */
function timestampOf({ url, trustStore }: TimestampPlan, options: RequestSignerOptions): RequestTimestamp | Problem {
  const store = options.findTrustStore('tsa', trustStore);
  if (store !== undefined) return options.timestampRequester(url, store.certificates);
  const message = `spec.sign.timestamp.trustStore: no TrustStore of type tsa with the name ${trustStore} is in force: create it, or correct the name`;
  return { reason: 'TrustStoreNotFound', message, terminal: true };
}
