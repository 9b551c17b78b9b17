import type { AwsEmulator } from './emulator.ts';
import type { OutageKind } from './faults.ts';
import type { ValidityPeriod } from './signer-state.ts';
import type { HttpRequest } from './sigv4.ts';

export const ADMIN_PREFIX = '/_emulator/';

interface AdminBody {
  readonly count?: number;
  readonly operation?: string;
  readonly kind?: OutageKind;
  readonly ms?: number;
  readonly jobArn?: string;
  readonly arn?: string;
  readonly reason?: string;
  readonly effectiveTime?: string;
  readonly certificate?: string;
  readonly name?: string;
  readonly region?: string;
  readonly validity?: ValidityPeriod;
}

type AdminAction = (emulator: AwsEmulator, body: AdminBody) => unknown;

/**
 * What another process may ask of the emulator, without signature: `POST /_emulator/<action>` with a JSON body, or
 * `GET /_emulator/requests`.
 */
const ACTIONS: Readonly<Record<string, AdminAction>> = {
  'GET requests': (emulator) => emulator.requests,
  'POST throttle': (emulator, { count = 1, operation }) => emulator.faults.throttle(count, operation),
  'POST down': (emulator, { kind, operation }) => emulator.faults.down(kind, operation),
  'POST delay': (emulator, { ms = 0, operation }) => emulator.faults.delay(ms, operation),
  'POST up': (emulator) => emulator.faults.up(),
  'POST deny': (emulator, { operation = '' }) => emulator.deny(operation),
  'POST allow': (emulator) => emulator.allowAll(),
  'POST create-profile': (emulator, { name = '', region, validity }) =>
    emulator.createProfile({
      name,
      ...(region === undefined ? {} : { region }),
      ...(validity === undefined ? {} : { validity }),
    }),
  'POST revoke-job': (emulator, { jobArn = '', reason }) => emulator.revokeSignature(jobArn, reason),
  'POST cancel-profile': (emulator, { arn = '' }) => emulator.cancelProfile(arn),
  'POST revoke-profile': (emulator, { arn = '', effectiveTime, reason }) =>
    emulator.revokeProfile(arn, effectiveTime === undefined ? undefined : new Date(effectiveTime), reason),
  'POST revoke-certificate': (emulator, { certificate = '' }) => emulator.revokeCertificate(certificate),
};

/** Runs an action of the admin path. @returns status and JSON answer */
export function runAdmin(
  emulator: AwsEmulator,
  request: HttpRequest,
): { readonly status: number; readonly answer: unknown } {
  const action = ACTIONS[`${request.method} ${request.url.slice(ADMIN_PREFIX.length)}`];
  if (action === undefined) return { status: 404, answer: { actions: Object.keys(ACTIONS) } };
  try {
    const body = request.body.byteLength === 0 ? {} : (JSON.parse(request.body.toString('utf8')) as AdminBody);
    return { status: 200, answer: action(emulator, body) ?? {} };
  } catch (error) {
    return { status: 400, answer: { message: error instanceof Error ? error.message : String(error) } };
  }
}
