import { PLATFORM_ID, type Profile, partitionOf, type SignerState, type ValidityPeriod } from './signer-state.ts';
import type { Caller, HttpRequest } from './sigv4.ts';
import { denied, validation, WireError } from './wire-error.ts';

const PAYLOAD_FORMAT = 'application/vnd.cncf.notary.payload.v1+json';
const DEFAULT_VALIDITY: ValidityPeriod = { value: 135, type: 'MONTHS' };
const PLATFORM_NAME = 'Notation for Container Registries';

/** What an operation is given: the caller, the names of its path, its query, its JSON body. */
interface Input {
  readonly caller: Caller;
  readonly name: string;
  readonly query: URLSearchParams;
  readonly body: Readonly<Record<string, unknown>>;
}

type Operation = (state: SignerState, input: Input) => unknown;

interface Route {
  readonly operation: string;
  readonly method: string;
  readonly path: RegExp;
  readonly run: Operation;
}

/** The operations of AWS Signer's API model that container signatures need, with its methods and paths. */
const ROUTES: readonly Route[] = [
  { operation: 'SignPayload', method: 'POST', path: /^\/signing-jobs\/with-payload$/, run: signPayload },
  { operation: 'GetRevocationStatus', method: 'GET', path: /^\/revocations$/, run: getRevocationStatus },
  { operation: 'RevokeSignature', method: 'PUT', path: /^\/signing-jobs\/([^/]+)\/revoke$/, run: revokeSignature },
  { operation: 'PutSigningProfile', method: 'PUT', path: /^\/signing-profiles\/([^/]+)$/, run: putSigningProfile },
  { operation: 'ListSigningProfiles', method: 'GET', path: /^\/signing-profiles$/, run: listSigningProfiles },
  { operation: 'GetSigningProfile', method: 'GET', path: /^\/signing-profiles\/([^/]+)$/, run: getSigningProfile },
  { operation: 'CancelSigningProfile', method: 'DELETE', path: /^\/signing-profiles\/([^/]+)$/, run: cancelProfile },
  {
    operation: 'RevokeSigningProfile',
    method: 'PUT',
    path: /^\/signing-profiles\/([^/]+)\/revoke$/,
    run: revokeProfile,
  },
  {
    operation: 'AddProfilePermission',
    method: 'POST',
    path: /^\/signing-profiles\/([^/]+)\/permissions$/,
    run: addProfilePermission,
  },
];

/** The operation that a request asks for, and the name in its path. */
export function signerOperation(
  request: HttpRequest,
): { readonly operation: string; readonly name: string } | undefined {
  const found = findRoute(request);
  return found === undefined ? undefined : { operation: found.route.operation, name: found.name };
}

/** Runs an operation of AWS Signer. @returns the JSON answer; undefined is an empty body */
export async function runSigner(state: SignerState, request: HttpRequest, caller: Caller): Promise<unknown> {
  const found = findRoute(request);
  if (found === undefined) throw new WireError(404, 'UnknownOperationException', 'Unknown operation');
  const query = new URLSearchParams(request.url.split('?', 2)[1] ?? '');
  return found.route.run(state, { caller, name: found.name, query, body: parseBody(request) });
}

function findRoute(request: HttpRequest): { readonly route: Route; readonly name: string } | undefined {
  const path = request.url.split('?', 1)[0] ?? '';
  for (const route of ROUTES) {
    const match = route.method === request.method ? route.path.exec(path) : null;
    if (match !== null) return { route, name: decodeURIComponent(match[1] ?? '') };
  }
  return undefined;
}

function parseBody(request: HttpRequest): Readonly<Record<string, unknown>> {
  if (request.body.byteLength === 0) return {};
  try {
    const body: unknown = JSON.parse(request.body.toString('utf8'));
    if (typeof body === 'object' && body !== null && !Array.isArray(body)) return { ...body };
  } catch {
    // Answered below.
  }
  throw new WireError(400, 'SerializationException', 'Expected a JSON object');
}

async function signPayload(state: SignerState, { caller, body }: Input): Promise<unknown> {
  const name = text(body, 'profileName', /^[a-zA-Z0-9_]{2,64}$/);
  const owner =
    body['profileOwner'] === undefined ? caller.principal.accountId : text(body, 'profileOwner', /^\d{12}$/);
  if (text(body, 'payloadFormat', /^.+$/) !== PAYLOAD_FORMAT) {
    throw validation(`Payload format is not supported. Supported payload formats: [${PAYLOAD_FORMAT}]`);
  }
  const payload = Buffer.from(text(body, 'payload', /^[A-Za-z0-9+/]*={0,2}$/), 'base64');
  if (payload.byteLength < 1 || payload.byteLength > 4096) {
    throw validation(
      "1 validation error detected: Value at 'payload' failed to satisfy constraint: Member must have length between 1 and 4096",
    );
  }
  checkPayload(payload);
  const profile = usableProfile(state, caller, owner, name, 'signer:SignPayload');
  const { job, envelope } = await state.signPayload(profile, payload);
  return {
    jobId: job.id,
    jobOwner: job.accountId,
    metadata: { 'com.amazonaws.signer.emulator.region': caller.region },
    signature: envelope.toString('base64'),
  };
}

function checkPayload(payload: Buffer): void {
  let target: unknown;
  try {
    target = (JSON.parse(payload.toString('utf8')) as { readonly targetArtifact?: unknown }).targetArtifact;
  } catch {
    // Answered below.
  }
  if (typeof target !== 'object' || target === null) throw validation('Payload is not a valid Notary payload.');
}

function getRevocationStatus(state: SignerState, { query }: Input): unknown {
  const one = (name: string, pattern: RegExp): string => text(Object.fromEntries(query), name, pattern);
  const jobArn = one('jobArn', /^arn:aws[a-z-]*:signer:[a-z0-9-]+:\d{12}:\/signing-jobs\/.{1,64}$/);
  const profileVersionArn = one(
    'profileVersionArn',
    /^arn:aws[a-z-]*:signer:[a-z0-9-]+:\d{12}:\/signing-profiles\/[a-zA-Z0-9_]{2,64}\/[a-zA-Z0-9]{10}$/,
  );
  if (one('platformId', /^.+$/) !== PLATFORM_ID) throw validation('Revocation is not supported for this platform.');
  const signedAt = new Date(one('signatureTimestamp', /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?Z$/));
  const hashes = query.getAll('certificateHashes');
  if (hashes.length === 0 || hashes.some((hash) => !/^[0-9a-f]{192}$/.test(hash))) {
    throw validation("Value at 'certificateHashes' failed to satisfy constraint: a list of pairs of SHA-384 hashes");
  }
  return { revokedEntities: state.revokedEntities(jobArn, profileVersionArn, hashes, signedAt) };
}

function revokeSignature(state: SignerState, { caller, name, body }: Input): unknown {
  const owner = body['jobOwner'] === undefined ? caller.principal.accountId : text(body, 'jobOwner', /^\d{12}$/);
  const job = state.job(owner, name);
  checkPermission(job.profile, caller, 'signer:RevokeSignature', job.arn);
  state.revokeJob(job, text(body, 'reason', /^.{1,500}$/s), caller.principal.arn);
  return undefined;
}

function putSigningProfile(state: SignerState, { caller, name, body }: Input): unknown {
  text({ profileName: name }, 'profileName', /^[a-zA-Z0-9_]{2,64}$/);
  if (text(body, 'platformId', /^.+$/) !== PLATFORM_ID) {
    throw validation(`The emulator signs for the platform ${PLATFORM_ID} only.`);
  }
  const validity = body['signatureValidityPeriod'];
  const { accountId } = caller.principal;
  const profile = state.createProfile(accountId, caller.region, name, parseValidity(validity));
  return { arn: profile.arn, profileVersion: profile.version, profileVersionArn: profile.versionArn };
}

function parseValidity(period: unknown): ValidityPeriod {
  if (period === undefined) return DEFAULT_VALIDITY;
  const { value, type } = period as { readonly value?: unknown; readonly type?: unknown };
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 1) {
    throw validation('Signature validity period must be a positive whole number.');
  }
  if (type !== 'DAYS' && type !== 'MONTHS' && type !== 'YEARS') {
    throw validation(
      "Value at 'signatureValidityPeriod.type' failed to satisfy constraint: Member must satisfy enum value set: [DAYS, MONTHS, YEARS]",
    );
  }
  const months = type === 'YEARS' ? 12 * value : type === 'MONTHS' ? value : 0;
  if (months > 135) throw validation('Signature validity period must be at most 135 months.');
  return { value, type };
}

function getSigningProfile(state: SignerState, { caller, name, query }: Input): unknown {
  const owner = query.get('profileOwner') ?? caller.principal.accountId;
  const profile = usableProfile(state, caller, owner, name, 'signer:GetSigningProfile');
  const { revocation } = profile;
  return {
    profileName: profile.name,
    profileVersion: profile.version,
    profileVersionArn: profile.versionArn,
    arn: profile.arn,
    platformId: PLATFORM_ID,
    platformDisplayName: PLATFORM_NAME,
    signatureValidityPeriod: profile.validity,
    status: profile.status,
    ...(profile.statusReason === undefined ? {} : { statusReason: profile.statusReason }),
    ...(revocation === undefined
      ? {}
      : {
          revocationRecord: {
            revocationEffectiveFrom: revocation.effectiveFrom.getTime() / 1000,
            revokedAt: revocation.revokedAt.getTime() / 1000,
            revokedBy: revocation.revokedBy,
          },
        }),
  };
}

const PAGE_SIZE = 2;

function listSigningProfiles(state: SignerState, { caller, query }: Input): unknown {
  const statuses = query.getAll('statuses');
  const all = state
    .profiles(caller.principal.accountId, caller.region)
    .filter((profile) => (statuses.length === 0 ? profile.status === 'Active' : statuses.includes(profile.status)))
    .filter(
      (profile) => query.get('includeCanceled') === 'true' || profile.status !== 'Canceled' || statuses.length > 0,
    );
  const start = Number(query.get('nextToken') ?? '0');
  return {
    profiles: all.slice(start, start + PAGE_SIZE).map((profile) => ({
      profileName: profile.name,
      profileVersion: profile.version,
      profileVersionArn: profile.versionArn,
      arn: profile.arn,
      platformId: PLATFORM_ID,
      platformDisplayName: PLATFORM_NAME,
      signatureValidityPeriod: profile.validity,
      status: profile.status,
    })),
    ...(start + PAGE_SIZE < all.length ? { nextToken: String(start + PAGE_SIZE) } : {}),
  };
}

function cancelProfile(state: SignerState, { caller, name }: Input): unknown {
  state.cancelProfile(state.profile(caller.principal.accountId, caller.region, name));
  return undefined;
}

function revokeProfile(state: SignerState, { caller, name, body }: Input): unknown {
  const profile = state.profile(caller.principal.accountId, caller.region, name);
  if (text(body, 'profileVersion', /^[a-zA-Z0-9]{10}$/) !== profile.version) {
    throw validation(`Signing profile ${name} has no version ${String(body['profileVersion'])}.`);
  }
  const effectiveTime = body['effectiveTime'];
  if (typeof effectiveTime !== 'number') throw validation("Value null at 'effectiveTime': Member must not be null");
  const reason = text(body, 'reason', /^.{1,500}$/s);
  state.revokeProfile(profile, new Date(effectiveTime * 1000), reason, caller.principal.arn);
  return undefined;
}

function addProfilePermission(state: SignerState, { caller, name, body }: Input): unknown {
  const profile = state.profile(caller.principal.accountId, caller.region, name);
  const actions = ['signer:SignPayload', 'signer:GetSigningProfile', 'signer:RevokeSignature'];
  const action = text(body, 'action', /^.+$/);
  if (!actions.includes(action)) {
    throw validation(
      `Action ${action} not supported for platform ${PLATFORM_ID}. Action must be one of [${actions.join(', ')}]`,
    );
  }
  const statementId = text(body, 'statementId', /^[A-Za-z0-9_-]{1,64}$/);
  profile.permissions.push({ action, principal: text(body, 'principal', /^.+$/), statementId });
  return { revisionId: `${profile.permissions.length}` };
}

function usableProfile(state: SignerState, caller: Caller, owner: string, name: string, action: string): Profile {
  if (owner === caller.principal.accountId) return state.profile(owner, caller.region, name);
  // Whether it exists is not told to an account that may not use it.
  const arn = `arn:${partitionOf(caller.region)}:signer:${caller.region}:${owner}:/signing-profiles/${name}`;
  let profile: Profile | undefined;
  try {
    profile = state.profile(owner, caller.region, name);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
  }
  if (profile === undefined) throw denied(caller.principal.arn, action, arn);
  checkPermission(profile, caller, action, profile.arn);
  return profile;
}

function checkPermission(profile: Profile, caller: Caller, action: string, resource: string): void {
  const { accountId, arn } = caller.principal;
  const granted = profile.permissions.some(
    (permission) => permission.action === action && permission.principal === accountId,
  );
  if (accountId !== profile.accountId && !granted) throw denied(arn, action, resource);
}

function text(source: Readonly<Record<string, unknown>>, name: string, pattern: RegExp): string {
  const value = source[name];
  if (typeof value !== 'string') {
    throw validation(
      `1 validation error detected: Value null at '${name}' failed to satisfy constraint: Member must not be null`,
    );
  }
  if (!pattern.test(value)) {
    throw validation(
      `1 validation error detected: Value at '${name}' failed to satisfy constraint: Member must satisfy regular expression pattern: ${pattern.source}`,
    );
  }
  return value;
}
