import { describe, expect, it } from 'vitest';
import type { Condition } from '../../../src/api/conditions.ts';
import { readyEvent } from '../../../src/controllers/ready-event.ts';

const ready = (status: Condition['status'], reason: string, observedGeneration = 1): readonly Condition[] => [
  { type: 'Signed', status: 'True', reason: 'AllSigned', message: 's', lastTransitionTime: 't' },
  { type: 'Ready', status, reason, message: `why ${reason}`, lastTransitionTime: 't', observedGeneration },
];

describe('the event about the condition Ready of a request', () => {
  it.each<[string, readonly Condition[], readonly Condition[], string | undefined]>([
    ['a new request that cannot be done', [], ready('False', 'NotGranted'), 'Warning NotGranted'],
    ['a new request that is done', [], ready('True', 'Succeeded'), undefined],
    ['a request that fails', ready('True', 'Succeeded'), ready('False', 'SomeRevoked'), 'Warning SomeRevoked'],
    ['the same again', ready('False', 'KeyInvalid'), ready('False', 'KeyInvalid'), undefined],
    [
      'the same for a newer spec',
      ready('False', 'KeyInvalid', 1),
      ready('False', 'KeyInvalid', 2),
      'Warning KeyInvalid',
    ],
    ['another reason', ready('False', 'KeyInvalid'), ready('False', 'SecretNotFound'), 'Warning SecretNotFound'],
    ['a request that is well again', ready('False', 'KeyInvalid'), ready('True', 'Succeeded'), 'Normal Succeeded'],
    ['a request that goes on being well', ready('True', 'Succeeded', 1), ready('True', 'Succeeded', 2), undefined],
    ['a request that a person suspends', ready('True', 'Succeeded'), ready('False', 'Suspended'), undefined],
    ['one that goes on', ready('False', 'Suspended'), ready('True', 'Succeeded'), undefined],
  ])('%s', (_what, before, now, expected) => {
    const event = readyEvent(before, now);
    expect(event === undefined ? undefined : `${event.type} ${event.reason}`).toBe(expected);
    if (event !== undefined) expect(event.note).toBe(`why ${event.reason}`);
  });
});
