import type { TimestampVerifier } from './timestamp.ts';

/** RFC 3161 timestamps are not supported yet: nothing is known of them, which is never a pass. */
export const verifyTimestampNotSupported: TimestampVerifier = async () => ({
  status: 'unknown',
  reason: 'RFC 3161 timestamps are not supported yet',
  notSupportedYet: true,
});
