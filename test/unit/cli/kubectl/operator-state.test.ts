import { expect, it } from 'vitest';
import { agoOf, stateOf } from '../../../../src/cli/kubectl/operator-state.ts';
import type { Lease, LeaseSpec } from '../../../../src/kubernetes/index.ts';

const NOW = new Date('2026-02-01T00:00:00Z');
const FRESH = '2026-01-31T23:59:58.000000Z';
const OLD = '2026-01-31T23:00:00.000000Z';
const lease = (spec: LeaseSpec, name = 'sealwatch'): Lease => ({
  metadata: { name, namespace: 'sealwatch-system', uid: name, resourceVersion: '1', creationTimestamp: OLD },
  spec: { holderIdentity: 'host_1', leaseDurationSeconds: 15, ...spec },
});

it.each<[string, readonly Lease[], readonly Lease[], string, RegExp]>([
  ['renewed just now', [lease({ renewTime: FRESH })], [], 'running', /Lease sealwatch-system\/sealwatch is held by/],
  [
    'renewed long ago',
    [lease({ renewTime: OLD })],
    [lease({ renewTime: OLD })],
    'stopped',
    /renewed 60m ago, by host_1/,
  ],
  ['never renewed', [lease({})], [], 'stopped', /which never renewed it/],
  ['given back', [lease({ renewTime: FRESH, holderIdentity: '' })], [], 'stopped', /is held by nobody/],
  [
    'renewed meanwhile, by a clock that differs',
    [lease({ renewTime: '2026-01-31T23:00:04.000000Z' })],
    [lease({ renewTime: OLD })],
    'running',
    /is held by host_1/,
  ],
  [
    'given back meanwhile',
    [lease({ renewTime: '2026-01-31T23:00:04.000000Z', holderIdentity: '' })],
    [lease({ renewTime: OLD })],
    'stopped',
    /is held by nobody/,
  ],
  ['two that are held', [lease({ renewTime: FRESH }), lease({ renewTime: FRESH }, 'b')], [], 'running', /; Lease/],
  [
    'two of which one is held',
    [lease({ renewTime: FRESH }), lease({ renewTime: OLD }, 'b')],
    [],
    'unknown',
    /which one watches here is not known: give --lease/,
  ],
])('%s', (_, leases, before, state, message) => {
  expect(stateOf(leases, before, NOW)).toMatchObject({ state, message: expect.stringMatching(message) });
});

it.each([
  [1_000, '1s'],
  [119_000, '119s'],
  [120_000, '2m'],
  [7_200_000, '2h'],
  [86_400_000 * 12, '12d'],
])('%d ms are %s', (ms, text) => {
  expect(agoOf(new Date(NOW.getTime() - ms), NOW)).toBe(text);
  expect(agoOf(new Date(NOW.getTime() + ms), NOW)).toBe(text);
});
