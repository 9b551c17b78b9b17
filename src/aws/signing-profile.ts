import { GetSigningProfileCommand } from '@aws-sdk/client-signer';
import { printable } from '../transport/index.ts';
import type { SigningProfileArn } from './arn.ts';
import { AwsError } from './aws-error.ts';
import type { SignerClients } from './signer-clients.ts';

export interface SigningProfileRequest {
  readonly profile: SigningProfileArn;
  readonly assumeRoleArn?: string;
}

export type SigningProfileStatus = 'Active' | 'Canceled' | 'Revoked';

/** A signing profile as it is now. */
export interface SigningProfile {
  readonly status: SigningProfileStatus;
  readonly statusReason?: string;
  /** ARN of the version that signs now. */
  readonly versionArn: string;
}

/** What a profile is like now. @throws AwsError; the signal's reason when aborted */
export async function getSigningProfile(
  clients: SignerClients,
  { profile, assumeRoleArn }: SigningProfileRequest,
  signal: AbortSignal,
): Promise<SigningProfile> {
  const command = new GetSigningProfileCommand({ profileName: profile.profileName, profileOwner: profile.account });
  const { status, statusReason, profileVersionArn } = await clients.call(
    {
      operation: 'GetSigningProfile',
      target: profile.arn,
      notFound: 'ProfileNotFound',
      region: profile.region,
      assumeRoleArn,
      send: (client, options) => client.send(command, options),
    },
    signal,
  );
  if (status === undefined || profileVersionArn === undefined) {
    const message = `GetSigningProfile with ${profile.arn}: expected its status and version; found none`;
    throw new AwsError('Unavailable', message);
  }
  return { status, versionArn: profileVersionArn, ...(statusReason === undefined ? {} : { statusReason }) };
}

/**
 * SignPayload takes no version: a pinned one must be the one that the profile signs with now.
 * @throws AwsError ProfileVersionMismatch
 */
export async function checkPinnedVersion(
  clients: SignerClients,
  request: SigningProfileRequest,
  signal: AbortSignal,
): Promise<void> {
  const { arn, versionArn } = request.profile;
  if (versionArn === undefined) return;
  const now = await getSigningProfile(clients, request, signal);
  if (now.versionArn === versionArn) return;
  throw new AwsError(
    'ProfileVersionMismatch',
    `SignPayload with ${arn}: expected its version ${versionArn}, which is pinned; AWS Signer signs with ${now.versionArn} now: name that one, or none`,
  );
}

/** Why AWS refused to sign: where it says so in words of its own, the profile's status tells. */
export async function explainRefusal(
  error: unknown,
  clients: SignerClients,
  request: SigningProfileRequest,
  signal: AbortSignal,
): Promise<unknown> {
  if (!(error instanceof AwsError) || (error.code !== 'RequestRejected' && error.code !== 'ProfileInactive'))
    return error;
  let now: SigningProfile;
  try {
    now = await getSigningProfile(clients, request, signal);
  } catch (failure) {
    // An identity may sign with a profile, and not look at it.
    if (failure instanceof AwsError) return error;
    throw failure;
  }
  if (now.status === 'Active') return error;
  const why = now.statusReason === undefined ? '' : ` (${printable(now.statusReason, 200)})`;
  return new AwsError(
    now.status === 'Canceled' ? 'ProfileCanceled' : 'ProfileRevoked',
    `${error.message}: its status is ${now.status}${why}; use an active signing profile`,
    { cause: error },
  );
}
