import { randomUUID } from 'node:crypto';
import type { AccessKey, Identities, Principal } from './identities.ts';
import type { Caller, HttpRequest } from './sigv4.ts';
import type { WebIdentities } from './web-identity.ts';
import { WireError } from './wire-error.ts';

/** The operation of STS that a request asks for (Query protocol). */
export function stsOperation(request: HttpRequest): string | undefined {
  const type = String(request.headers['content-type'] ?? '');
  if (request.method !== 'POST' || !type.startsWith('application/x-www-form-urlencoded')) return undefined;
  return new URLSearchParams(request.body.toString('utf8')).get('Action') ?? undefined;
}

/** Exchanges a ServiceAccount's token for a session; such a request is not signed. @returns whom it is for, and the XML answer */
export function runWebIdentity(
  identities: Identities,
  tokens: WebIdentities,
  request: HttpRequest,
  now: Date,
): { readonly principal: Principal; readonly answer: string } {
  const form = new URLSearchParams(request.body.toString('utf8'));
  const { roleArn, sessionName, seconds } = parameters(form);
  const subject = tokens.subjectOf(form.get('WebIdentityToken') ?? '');
  const expiresAt = new Date(now.getTime() + seconds * 1000);
  const action = 'sts:AssumeRoleWithWebIdentity';
  const key = identities.assumeRoleAs(`oidc:${subject}`, action, roleArn, sessionName, expiresAt);
  return { principal: key.principal, answer: answerOf('AssumeRoleWithWebIdentity', key, sessionName) };
}

/** Runs an operation of STS. @returns the XML answer */
export function runSts(identities: Identities, request: HttpRequest, caller: Caller, now: Date): string {
  const form = new URLSearchParams(request.body.toString('utf8'));
  const action = form.get('Action') ?? '';
  if (action !== 'AssumeRole' || form.get('Version') !== '2011-06-15') {
    throw new WireError(400, 'InvalidAction', `Could not find operation ${action} for version ${form.get('Version')}`);
  }
  const { roleArn, sessionName, seconds } = parameters(form);
  const key = identities.assumeRole(caller.principal, roleArn, sessionName, new Date(now.getTime() + seconds * 1000));
  return answerOf('AssumeRole', key, sessionName);
}

function parameters(form: URLSearchParams): {
  readonly roleArn: string;
  readonly sessionName: string;
  readonly seconds: number;
} {
  const roleArn = form.get('RoleArn') ?? '';
  const sessionName = form.get('RoleSessionName') ?? '';
  const seconds = Number(form.get('DurationSeconds') ?? '3600');
  if (!/^arn:aws[a-z-]*:iam::\d{12}:role\/[\w+=,.@/-]+$/.test(roleArn)) {
    throw new WireError(400, 'ValidationError', `${roleArn} is invalid`);
  }
  if (!/^[\w+=,.@-]{2,64}$/.test(sessionName) || !(seconds >= 900 && seconds <= 43_200)) {
    throw new WireError(400, 'ValidationError', 'RoleSessionName or DurationSeconds is invalid');
  }
  return { roleArn, sessionName, seconds };
}

function answerOf(operation: string, key: AccessKey, sessionName: string): string {
  return `<${operation}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><${operation}Result><Credentials>
<AccessKeyId>${key.accessKeyId}</AccessKeyId><SecretAccessKey>${key.secretAccessKey}</SecretAccessKey>
<SessionToken>${key.sessionToken}</SessionToken><Expiration>${key.expiresAt?.toISOString()}</Expiration></Credentials>
<AssumedRoleUser><AssumedRoleId>AROAEMULATED:${sessionName}</AssumedRoleId><Arn>${key.principal.arn}</Arn></AssumedRoleUser>
</${operation}Result><ResponseMetadata><RequestId>${randomUUID()}</RequestId></ResponseMetadata></${operation}Response>`;
}
