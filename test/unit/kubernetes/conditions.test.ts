import { describe, expect, it } from 'vitest';
import type { Condition } from '../../../src/api/conditions.ts';
import { removeCondition, setCondition } from '../../../src/kubernetes/conditions.ts';

const NOON = new Date('2026-01-01T12:00:00.123Z');
const LATER = new Date('2026-01-01T13:00:00Z');
const ready = { type: 'Ready', status: 'True', reason: 'Succeeded', message: 'fine', observedGeneration: 1 } as const;

describe('setCondition', () => {
  it('adds a condition at the end, with the time in whole seconds', () => {
    const stalled: Condition = { ...ready, type: 'Stalled', lastTransitionTime: '2026-01-01T00:00:00Z' };
    expect(setCondition([stalled], ready, NOON)).toEqual([
      stalled,
      { ...ready, lastTransitionTime: '2026-01-01T12:00:00Z' },
    ]);
  });

  it('keeps lastTransitionTime while the status stays', () => {
    const before = setCondition(undefined, ready, NOON);
    const [after] = setCondition(before, { ...ready, reason: 'AllVerified', observedGeneration: 2 }, LATER);
    expect(after).toMatchObject({
      reason: 'AllVerified',
      observedGeneration: 2,
      lastTransitionTime: '2026-01-01T12:00:00Z',
    });
  });

  it.each(['False', 'Unknown'] as const)('moves lastTransitionTime when the status becomes %s', (status) => {
    const [after] = setCondition(setCondition(undefined, ready, NOON), { ...ready, status }, LATER);
    expect(after?.lastTransitionTime).toBe('2026-01-01T13:00:00Z');
  });

  it('keeps the order and changes nothing in place', () => {
    const before = setCondition(setCondition(undefined, ready, NOON), { ...ready, type: 'Verified' }, NOON);
    const copy = structuredClone(before);
    const after = setCondition(before, { ...ready, status: 'False' }, LATER);
    expect(after.map(({ type }) => type)).toEqual(['Ready', 'Verified']);
    expect(before).toEqual(copy);
  });

  it('cuts a message to 1,024 characters, not within a character', () => {
    const [condition] = setCondition(undefined, { ...ready, message: `${'a'.repeat(1022)}😀 and more` }, NOON);
    expect(condition?.message).toBe(`${'a'.repeat(1022)}…`);
    const [whole] = setCondition(undefined, { ...ready, message: 'a'.repeat(1024) }, NOON);
    expect(whole?.message).toHaveLength(1024);
  });
});

describe('removeCondition', () => {
  it('takes one condition away', () => {
    const both = setCondition(setCondition(undefined, ready, NOON), { ...ready, type: 'Stalled' }, NOON);
    expect(removeCondition(both, 'Stalled').map(({ type }) => type)).toEqual(['Ready']);
    expect(removeCondition(undefined, 'Stalled')).toEqual([]);
  });
});
