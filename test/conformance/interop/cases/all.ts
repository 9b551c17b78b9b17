import type { Case } from './case.ts';
import { CERTIFICATES } from './certificates.ts';
import { COSE } from './cose.ts';
import { ENVELOPES } from './envelopes.ts';
import { HEADERS } from './headers.ts';
import { REVOCATION } from './revocation.ts';
import { TIMESTAMPS } from './timestamps.ts';
import { TRUST } from './trust.ts';

/** Every question that both verifiers are asked, by what is odd about it. */
export const TABLES: readonly (readonly [string, readonly Case[]])[] = [
  ['envelopes', ENVELOPES],
  ['headers', HEADERS],
  ['COSE', COSE],
  ['certificates', CERTIFICATES],
  ['trust', TRUST],
  ['revocation', REVOCATION],
  ['timestamps', TIMESTAMPS],
];
