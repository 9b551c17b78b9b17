/** What a timestamp says, unverified. */
export interface TimestampWords {
  /** RFC 3339, with fractions where it has them. */
  readonly time?: string;
  /** Subject of the certificate that signed it. */
  readonly authority?: string;
  /** Why it cannot be read. */
  readonly problem?: string;
}

export function timestampOf(_token: Uint8Array): TimestampWords {
  return { problem: 'pending' };
}
