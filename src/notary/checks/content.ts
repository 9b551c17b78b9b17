import type { CheckResult } from '../outcome.ts';
import { quote } from '../quote.ts';
import type { CheckContext } from '../verify.ts';

/** The signed descriptor is exactly the image's: media type, digest and size. Fatal at every level (notary.md G). */
export function checkDescriptor({ envelope, subject }: CheckContext): CheckResult {
  const base = { type: 'descriptor', action: 'enforce' } as const;
  const signed = envelope.subject;
  for (const field of ['digest', 'mediaType', 'size'] as const) {
    if (signed[field] !== subject[field]) {
      return {
        ...base,
        result: 'failed',
        code: 'OtherSubject',
        reason: `it signs another artifact: its ${field} is ${quote(String(signed[field]))}, the image's is ${subject[field]}`,
      };
    }
  }
  return { ...base, result: 'passed', reason: 'it signs exactly this image' };
}

/** Every required key is among the signed user metadata, with the same value. Fatal at every level (notary.md G). */
export function checkUserMetadata({ envelope, requiredMetadata }: CheckContext): CheckResult {
  const base = { type: 'userMetadata', action: 'enforce' } as const;
  const signed = new Map(Object.entries(envelope.subject.annotations ?? {}));
  const required = Object.entries(requiredMetadata ?? {});
  for (const [key, value] of required) {
    if (signed.get(key) !== value) {
      const found = signed.has(key) ? `has ${quote(signed.get(key) ?? '')}` : 'does not have the key';
      const reason = `required metadata ${key}=${value}: the signature ${found}`;
      return { ...base, result: 'failed', code: 'UserMetadataMismatch', reason };
    }
  }
  const reason = required.length === 0 ? 'no metadata is required' : 'the required metadata is signed';
  return { ...base, result: 'passed', reason };
}
