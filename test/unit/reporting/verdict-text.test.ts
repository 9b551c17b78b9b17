import { describe, expect, it } from 'vitest';
import { VERDICTS_WORST_FIRST } from '../../../src/api/verdict.ts';
import { containerSentence, toldVerdict } from '../../../src/reporting/index.ts';

const container = (name: string, kind: 'container' | 'init' = 'container') => ({
  name,
  kind,
  reference: `r.example.com/${name}:v1`,
  image: { kind: 'pending' as const },
});
const sentence = (name: string, verdict: (typeof VERDICTS_WORST_FIRST)[number]) =>
  containerSentence({
    container: container(name),
    verdict: { verdict, verifiedAt: new Date(0), statement: 'acme/images' },
  });

describe('what a condition told of a container', () => {
  it.each(VERDICTS_WORST_FIRST)('%s is read out of its own sentence', (verdict) => {
    const message = [sentence('first', 'Unsigned'), sentence('app', verdict), sentence('last', 'Expired')].join('; ');
    expect(toldVerdict(container('app'), { reason: 'Unsigned', message })).toBe(verdict);
    expect(toldVerdict(container('first'), { reason: 'Unsigned', message })).toBe('Unsigned');
  });

  it('is nothing for another container, or one of the same name and another kind', () => {
    const told = { reason: 'Unsigned', message: sentence('app', 'Unsigned') };
    expect(toldVerdict(container('ap'), told)).toBeUndefined();
    expect(toldVerdict(container('app', 'init'), told)).toBeUndefined();
  });

  it('is the reason where the message was cut before its sentence', () => {
    expect(toldVerdict(container('app'), { reason: 'Revoked', message: 'container x runs y, which is…' })).toBe(
      'Revoked',
    );
  });
});
