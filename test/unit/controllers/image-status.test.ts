import { beforeAll, describe, expect, it } from 'vitest';
import type { ImageStatus } from '../../../src/api/image-signature-request.ts';
import { imageStatus, unreadImageStatus, verdictOf } from '../../../src/controllers/image-status.ts';
import { parseEnvelope } from '../../../src/notary/index.ts';
import { OciError } from '../../../src/oci/index.ts';
import type { EvaluatedSignature, ImageEvaluation } from '../../../src/verification/index.ts';
import { forgeJws, SUBJECT } from '../../support/forge-jws.ts';
import { type Chain, createChain } from '../../support/pki.ts';

const NOW = new Date('2026-02-01T00:00:00Z');
const LATER = new Date('2026-02-01T01:00:00Z');
const DOWN = new OciError('Unreachable', 'r.example: connection refused');

let chain: Chain;
beforeAll(async () => {
  chain = await createChain();
});

function evaluated(reason: string): EvaluatedSignature {
  const bytes = forgeJws({ key: chain.key, certificates: chain.certificates, alg: 'ES256', now: NOW });
  const envelope = parseEnvelope(bytes, 'application/jose+json');
  const check = { type: 'revocation', action: 'log', result: 'failed', code: 'CertificateRevoked', reason } as const;
  return { digest: 'sha256:1', kind: 'evaluated', outcome: { verdict: 'Trusted', envelope, checks: [check] } };
}

function statusOf(signatures: readonly EvaluatedSignature[]): ImageStatus {
  const evaluation: ImageEvaluation = {
    repository: 'r.example/app',
    subject: SUBJECT,
    verdict: 'Trusted',
    signatures,
    truncated: false,
    evaluatedAt: NOW,
  };
  return imageStatus('r.example/app:1', evaluation, { verdict: 'Trusted', verifiedAt: NOW }, LATER, SUBJECT.digest);
}

describe('imageStatus', () => {
  it('shows at most 10 signatures, and counts the rest (design.md, "Status stays small")', () => {
    const junk = (): EvaluatedSignature => ({ digest: 'sha256:0', kind: 'malformed', message: 'x'.repeat(10_000) });
    const status = statusOf(Array.from({ length: 100 }, junk));
    expect(status.signatures).toHaveLength(10);
    expect(status.omittedSignatures).toBe(90);
    expect(status.signatures?.[0]?.checks[0]?.reason).toHaveLength(300);
    expect(statusOf(Array.from({ length: 10 }, junk)).omittedSignatures).toBeUndefined();
  });

  it('shows the signature that passes although 10 that do not come first, and the index that it signs (A9)', () => {
    const junk = (): EvaluatedSignature => ({ digest: 'sha256:0', kind: 'malformed', message: 'x' });
    const passing: EvaluatedSignature = { ...evaluated('logged'), index: 'sha256:2' };
    const { signatures = [] } = statusOf([...Array.from({ length: 20 }, junk), passing]);
    expect(signatures).toHaveLength(10);
    expect(signatures.at(-1)).toMatchObject({ digest: 'sha256:1', index: 'sha256:2', verdict: 'Trusted' });
  });

  it('shows signer, scheme, times and each check', () => {
    expect(statusOf([evaluated('logged')])).toMatchObject({
      digest: SUBJECT.digest,
      mediaType: SUBJECT.mediaType,
      lastVerifiedTime: '2026-02-01T00:00:00Z',
      nextVerificationTime: '2026-02-01T01:00:00Z',
      signatures: [
        {
          format: 'JWS',
          scheme: 'notary.x509',
          signedAt: '2026-01-31T23:59:00Z',
          signer: expect.stringContaining('CN=Test Signer'),
          checks: [{ type: 'revocation', action: 'log', result: 'failed', reason: 'logged' }],
        },
      ],
    });
  });

  it('a signature that could not be fetched is Unknown, not failed', () => {
    const [signature] = statusOf([{ digest: 'sha256:0', kind: 'unreachable', error: DOWN }]).signatures ?? [];
    expect(signature).toMatchObject({ verdict: 'Unknown', checks: [{ result: 'unknown' }] });
  });
});

describe('unreadImageStatus', () => {
  const unread = (before: ImageStatus | undefined, now: Date): ImageStatus =>
    unreadImageStatus('r.example/app:1', 'r.example/app', before, DOWN, now);

  it('an outage is written once: the same fault again gives the same status, also where nothing was known', () => {
    const first = unread(undefined, NOW);
    expect(first).toMatchObject({ verdict: 'Unknown', cause: { reason: 'RegistryUnreachable' } });
    expect(first.lastKnown).toBeUndefined();
    expect(unread(first, LATER)).toEqual(first);
    const known = unread(statusOf([]), NOW);
    expect(unread(known, LATER)).toEqual(known);
  });

  it('keeps what was known and how old that is', () => {
    expect(unread(unread(statusOf([]), NOW), LATER)).toMatchObject({
      digest: SUBJECT.digest,
      verdict: 'Unknown',
      lastKnown: { verdict: 'Trusted', verifiedAt: '2026-02-01T00:00:00Z' },
      lastVerifiedTime: '2026-02-01T00:00:00Z',
    });
  });

  it('reads back as the verdict that it was made from', () => {
    const status = unread(statusOf([]), LATER);
    expect(verdictOf(status).lastKnown).toEqual({ verdict: 'Trusted', verifiedAt: NOW });
    expect(verdictOf(status).cause?.since).toBe(LATER.toISOString());
  });
});
