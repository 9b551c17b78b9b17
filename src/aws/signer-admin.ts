import {
  CancelSigningProfileCommand,
  GetSigningProfileCommand,
  ListSigningProfilesCommand,
  PutSigningProfileCommand,
  RevokeSigningProfileCommand,
} from '@aws-sdk/client-signer';
import { AwsError } from './aws-error.ts';
import type { AwsOptions } from './aws-options.ts';
import { SignerClients } from './signer-clients.ts';
import { PLATFORM_ID } from './signer-service.ts';
import type { SigningProfileStatus } from './signing-profile.ts';

const MAX_PROFILES = 1_000;

/** How long signatures of a profile hold. */
export interface ValidityPeriod {
  readonly value: number;
  readonly type: 'DAYS' | 'MONTHS' | 'YEARS';
}

export interface ListedProfile {
  readonly name: string;
  readonly arn: string;
  readonly version: string;
  readonly status: SigningProfileStatus;
  readonly validity?: ValidityPeriod;
}

export interface RevokeProfileRequest {
  readonly name: string;
  /** Ten characters. */
  readonly version: string;
  /** Signatures made then or later are revoked. */
  readonly effectiveTime: Date;
  readonly reason: string;
}

/**
 * What an administrator does with signing profiles for container images, in one region and with one identity.
 * Every method rejects with AwsError, or with the signal's reason when aborted.
 */
export class SignerAdmin {
  readonly #clients: SignerClients;
  readonly #region: string;
  readonly #assumeRoleArn: string | undefined;

  constructor(options: AwsOptions, region: string, assumeRoleArn?: string) {
    this.#clients = new SignerClients(options);
    this.#region = region;
    this.#assumeRoleArn = assumeRoleArn;
  }

  /** Makes a profile. @param validity default AWS's own, 135 months */
  async putProfile(
    name: string,
    validity: ValidityPeriod | undefined,
    signal: AbortSignal,
  ): Promise<{ readonly arn: string; readonly versionArn: string }> {
    const command = new PutSigningProfileCommand({
      profileName: name,
      platformId: PLATFORM_ID,
      ...(validity === undefined ? {} : { signatureValidityPeriod: validity }),
    });
    const { arn, profileVersionArn } = await this.#clients.call(
      { ...this.#subject('PutSigningProfile', name), send: (client, options) => client.send(command, options) },
      signal,
    );
    if (arn === undefined || profileVersionArn === undefined)
      throw new AwsError('Unavailable', `PutSigningProfile with ${name}: expected the ARNs of the profile; found none`);
    return { arn, versionArn: profileVersionArn };
  }

  /** Finds one of the account's profiles by its name. */
  async describeProfile(name: string, signal: AbortSignal): Promise<{ readonly arn: string }> {
    const command = new GetSigningProfileCommand({ profileName: name });
    const { arn } = await this.#clients.call(
      { ...this.#subject('GetSigningProfile', name), send: (client, options) => client.send(command, options) },
      signal,
    );
    if (arn === undefined)
      throw new AwsError('Unavailable', `GetSigningProfile with ${name}: expected the profile's ARN; found none`);
    return { arn };
  }

  /** The account's profiles for container images. @param all cancelled and revoked ones too */
  async listProfiles(all: boolean, signal: AbortSignal): Promise<readonly ListedProfile[]> {
    const found: ListedProfile[] = [];
    for (let nextToken: string | undefined; ; ) {
      const command = new ListSigningProfilesCommand({
        includeCanceled: all,
        statuses: all ? ['Active', 'Canceled', 'Revoked'] : ['Active'],
        platformId: PLATFORM_ID,
        ...(nextToken === undefined ? {} : { nextToken }),
      });
      const answer = await this.#clients.call(
        {
          ...this.#subject('ListSigningProfiles', this.#region),
          send: (client, options) => client.send(command, options),
        },
        signal,
      );
      for (const { profileName, profileVersion, arn, status, signatureValidityPeriod } of answer.profiles ?? []) {
        if (profileName === undefined || profileVersion === undefined || arn === undefined || status === undefined)
          continue;
        const { value, type } = signatureValidityPeriod ?? {};
        found.push({
          ...{ name: profileName, version: profileVersion, arn, status },
          ...(value === undefined || type === undefined ? {} : { validity: { value, type } }),
        });
      }
      if (answer.nextToken === undefined) return found;
      if (answer.nextToken === nextToken || found.length >= MAX_PROFILES)
        throw new AwsError('Unavailable', `ListSigningProfiles: expected at most ${MAX_PROFILES} profiles; found more`);
      nextToken = answer.nextToken;
    }
  }

  /** Ends new signatures of a profile; those that are there stay good. */
  async cancelProfile(name: string, signal: AbortSignal): Promise<void> {
    const command = new CancelSigningProfileCommand({ profileName: name });
    await this.#clients.call(
      { ...this.#subject('CancelSigningProfile', name), send: (client, options) => client.send(command, options) },
      signal,
    );
  }

  /** Revokes what a version of a profile signed from a moment on. */
  async revokeProfile(request: RevokeProfileRequest, signal: AbortSignal): Promise<void> {
    const { name, version, effectiveTime, reason } = request;
    const command = new RevokeSigningProfileCommand({
      profileName: name,
      profileVersion: version,
      effectiveTime,
      reason,
    });
    await this.#clients.call(
      {
        ...this.#subject('RevokeSigningProfile', `${name}/${version}`),
        send: (client, options) => client.send(command, options),
      },
      signal,
    );
  }

  close(): void {
    this.#clients.close();
  }

  #subject(operation: string, target: string) {
    return {
      operation,
      target,
      notFound: 'ProfileNotFound',
      region: this.#region,
      assumeRoleArn: this.#assumeRoleArn,
    } as const;
  }
}
