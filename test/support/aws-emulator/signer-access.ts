import type { Access } from './iam-policy.ts';
import { partitionOf, type SignerState } from './signer-state.ts';
import type { Caller, HttpRequest } from './sigv4.ts';

/** What IAM is asked for an operation of Signer: its action, on each resource type that the action requires. */
export function signerAccess(
  state: SignerState,
  operation: string,
  name: string,
  request: HttpRequest,
  { principal, region }: Caller,
): readonly Access[] {
  const action = `signer:${operation}`;
  const query = new URLSearchParams(request.url.split('?', 2)[1] ?? '');
  const profile = (profileName: string, owner: string): Access => {
    const version = state.findProfile(owner, region, profileName)?.version;
    return {
      action,
      resource: `arn:${partitionOf(region)}:signer:${region}:${owner}:/signing-profiles/${profileName}`,
      ...(version === undefined ? {} : { context: { 'signer:ProfileVersion': version } }),
    };
  };
  switch (operation) {
    case 'SignPayload': {
      const { profileName, profileOwner } = bodyOf(request);
      return [profile(String(profileName), String(profileOwner ?? principal.accountId))];
    }
    case 'GetRevocationStatus': {
      const versionArn = query.get('profileVersionArn') ?? '';
      const profileArn = versionArn.slice(0, versionArn.lastIndexOf('/'));
      return [query.get('jobArn') ?? '', profileArn].map((resource) => ({ action, resource }));
    }
    case 'RevokeSignature': {
      const owner = String(bodyOf(request)['jobOwner'] ?? principal.accountId);
      const version = state.findJob(name)?.profile.version;
      const resource = `arn:${partitionOf(region)}:signer:${region}:${owner}:/signing-jobs/${name}`;
      return [
        { action, resource, ...(version === undefined ? {} : { context: { 'signer:ProfileVersion': version } }) },
      ];
    }
    case 'PutSigningProfile':
    case 'ListSigningProfiles':
      return [{ action, resource: '*' }];
    default:
      return [profile(name, query.get('profileOwner') ?? principal.accountId)];
  }
}

function bodyOf(request: HttpRequest): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(request.body.toString('utf8')) as Readonly<Record<string, unknown>>;
  } catch {
    return {};
  }
}
