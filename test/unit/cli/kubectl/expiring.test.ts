import { expect, it } from 'vitest';
import type { SignatureStatus } from '../../../../src/api/image-signature-request.ts';
import { expiringImages } from '../../../../src/cli/kubectl/expiring.ts';
import { viewOf } from '../../../../src/cli/kubectl/pods.ts';
import { DIGEST, pod, request } from './objects.ts';

const UNTIL = new Date('2026-03-01T00:00:00Z');
const signature = (verdict: SignatureStatus['verdict'], expiresAt?: string): SignatureStatus => ({
  ...{ digest: DIGEST, verdict, checks: [] },
  ...(expiresAt === undefined ? {} : { expiresAt }),
});
const [EARLY, MIDDLE, LATE] = ['2026-02-01T00:00:00Z', '2026-02-20T00:00:00Z', '2026-06-01T00:00:00Z'];

it.each<[string, readonly SignatureStatus[], string | undefined]>([
  ['the last that passes counts', [signature('Trusted', EARLY), signature('Trusted', MIDDLE)], MIDDLE],
  ['one that passes for longer', [signature('Trusted', EARLY), signature('Trusted', LATE)], undefined],
  ['one that never ends', [signature('Trusted', EARLY), signature('Trusted')], undefined],
  ['one that does not pass does not count', [signature('Trusted', EARLY), signature('Untrusted', LATE)], EARLY],
  ['nor one that is revoked', [signature('Revoked', EARLY)], undefined],
  ['one that may pass once a fault is over', [signature('Unknown', MIDDLE), signature('Expired', EARLY)], MIDDLE],
  ['one that has expired', [signature('Expired', EARLY)], EARLY],
  ['none', [], undefined],
])('%s', (_, signatures, expected) => {
  const { expiring } = expiringImages([request('web', [{ signatures }])], [], UNTIL);
  expect(expiring[0]?.expiresAt).toBe(expected);
});

it('first what ends first, with what runs it; what no request names is counted', () => {
  const requests = [
    request('late', [{ reference: 'registry.example/api:1', signatures: [signature('Trusted', MIDDLE)] }]),
    request('early', [{ signatures: [signature('Trusted', EARLY)] }]),
  ];
  const pods = [pod('web-0', ['registry.example/web:v1']), pod('other', ['registry.example/other:1'])].map(viewOf);
  expect(expiringImages(requests, pods, UNTIL)).toEqual({
    unrequested: 1,
    expiring: [
      {
        ...{ expiresAt: EARLY, image: 'registry.example/web:v1', digest: DIGEST, request: 'shop/early' },
        workloads: ['shop/Pod/web-0'],
      },
      {
        ...{ expiresAt: MIDDLE, image: 'registry.example/api:1', digest: DIGEST, request: 'shop/late' },
        workloads: [],
      },
    ],
  });
});
