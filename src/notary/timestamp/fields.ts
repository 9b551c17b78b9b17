import { type DerValue, derError, expectTag, readChildren } from '../certificates/der.ts';

/** The fields of a SEQUENCE or of an explicit tag, taken in order, so that none is passed over. */
export interface Fields {
  /** @throws NotaryError InvalidCertificate when the next field has another tag, or there is none */
  readonly next: (tag: number, what?: string) => DerValue;
  /** The next field, if it has the tag. */
  readonly maybe: (tag: number) => DerValue | undefined;
  /** @throws NotaryError InvalidCertificate when fields are left */
  readonly end: () => void;
}

export function fieldsOf(value: DerValue, what: string): Fields {
  const fields = [...readChildren(value, what)];
  return {
    next: (tag, name = what) => expectTag(fields.shift(), tag, name),
    maybe: (tag) => (fields[0]?.tag === tag ? fields.shift() : undefined),
    end: () => {
      if (fields.length > 0) throw derError(what, 'it has extra fields');
    },
  };
}
