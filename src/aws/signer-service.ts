import type { X509Certificate } from 'node:crypto';
import {
  GetRevocationStatusCommand,
  RevokeSignatureCommand,
  SignPayloadCommand,
  type SignPayloadResponse,
} from '@aws-sdk/client-signer';
import { PAYLOAD_TYPE } from '../notary/index.ts';
import { ALWAYS_OPEN, throughFence, type WriteFence, type WritePass } from '../transport/index.ts';
import { parseSigningJobArn, type SigningProfileArn, splitSignerArn } from './arn.ts';
import { AwsError } from './aws-error.ts';
import type { AwsOptions } from './aws-options.ts';
import { certificateHashes } from './certificate-hashes.ts';
import { SignerClients } from './signer-clients.ts';
import {
  checkPinnedVersion,
  explainRefusal,
  getSigningProfile,
  type SigningProfile,
  type SigningProfileRequest,
} from './signing-profile.ts';

/** Signer's platform for signatures of container images. */
export const PLATFORM_ID = 'Notation-OCI-SHA384-ECDSA';
const MAX_PAYLOAD_BYTES = 4096;
const MAX_METADATA_BYTES = 16 * 1024;
/** RevokeSignature's own limit. */
const MAX_REASON_LENGTH = 500;

export interface SignPayloadRequest {
  readonly profile: SigningProfileArn;
  readonly assumeRoleArn?: string;
  /** The Notary payload, 1 to 4096 bytes. */
  readonly payload: Uint8Array;
}

export interface SignedPayload {
  /** JWS, not yet verified. */
  readonly envelope: Uint8Array;
  readonly jobId: string;
  readonly jobArn?: string;
  /** Becomes annotations of the signature manifest. */
  readonly metadata: Readonly<Record<string, string>>;
}

export interface RevocationStatusRequest {
  readonly jobArn: string;
  readonly profileVersionArn: string;
  /** Leaf first, root included. */
  readonly certificates: readonly X509Certificate[];
  /** The authentic signing time. */
  readonly signatureTimestamp: Date;
}

export interface RevocationStatus {
  /** ARNs of signing jobs and profile versions, or hashes of certificates; empty: nothing is revoked. */
  readonly revokedEntities: readonly string[];
}

export interface RevokeSignatureRequest {
  readonly jobArn: string;
  /** The profile that the job used, for the message. */
  readonly profile?: SigningProfileArn;
  /** Told by AWS to whoever looks the job up; cut at 500 characters. */
  readonly reason: string;
  readonly assumeRoleArn?: string;
}

/**
 * AWS Signer through its SDK (aws.md). One client for each region and role, kept; every call is bounded by the
 * timeouts of the options and by the caller's signal; throttling is retried by the SDK with backoff and jitter.
 */
export class SignerService {
  readonly #clients: SignerClients;
  readonly #fence: WriteFence;

  constructor(options: AwsOptions = {}) {
    this.#clients = new SignerClients(options);
    this.#fence = options.fence ?? ALWAYS_OPEN;
  }

  /** What a profile is like now. @throws AwsError; the signal's reason when aborted */
  getSigningProfile(request: SigningProfileRequest, signal: AbortSignal): Promise<SigningProfile> {
    return getSigningProfile(this.#clients, request, signal);
  }

  /**
   * Signs a payload with a profile, in the profile's own region. The answer is AWS's: verify it before use.
   * SignPayload takes no version: where the profile names one, it must be the one that the profile has now.
   * @throws AwsError; the signal's reason when aborted; NotLeaderError where the fence holds it back
   */
  signPayload(request: SignPayloadRequest, signal: AbortSignal): Promise<SignedPayload> {
    return throughFence(this.#fence, signal, (fenced, pass) => this.#signPayload(request, fenced, pass));
  }

  async #signPayload(request: SignPayloadRequest, signal: AbortSignal, pass: WritePass): Promise<SignedPayload> {
    const { profile, payload } = request;
    if (payload.byteLength === 0 || payload.byteLength > MAX_PAYLOAD_BYTES) {
      throw new AwsError(
        'RequestRejected',
        `SignPayload with ${profile.arn}: AWS Signer takes payloads of 1 to ${MAX_PAYLOAD_BYTES} bytes; this one has ${payload.byteLength}: shorten the user metadata`,
      );
    }
    await checkPinnedVersion(this.#clients, request, signal);
    const command = new SignPayloadCommand({
      profileName: profile.profileName,
      profileOwner: profile.account,
      payload,
      payloadFormat: PAYLOAD_TYPE,
    });
    command.middlewareStack.add(asking(pass), EACH_TRY);
    let answer: SignPayloadResponse;
    try {
      answer = await this.#clients.call(
        {
          operation: 'SignPayload',
          target: profile.arn,
          notFound: 'ProfileNotFound',
          region: profile.region,
          assumeRoleArn: request.assumeRoleArn,
          send: (client, options) => client.send(command, options),
        },
        signal,
      );
    } catch (error) {
      throw await explainRefusal(error, this.#clients, request, signal);
    }
    return checkSigned(answer, profile);
  }

  /**
   * Asks what of a signature is revoked, in the region of its profile.
   * @throws AwsError: then it is unknown; the signal's reason when aborted
   */
  async getRevocationStatus(request: RevocationStatusRequest, signal: AbortSignal): Promise<RevocationStatus> {
    const { jobArn, profileVersionArn, certificates, signatureTimestamp } = request;
    const region = regionOf(profileVersionArn);
    const command = new GetRevocationStatusCommand({
      certificateHashes: certificateHashes(certificates),
      jobArn,
      platformId: PLATFORM_ID,
      profileVersionArn,
      signatureTimestamp,
    });
    const answer = await this.#clients.call(
      {
        operation: 'GetRevocationStatus',
        target: jobArn,
        notFound: 'RequestRejected',
        region,
        assumeRoleArn: undefined,
        send: (client, options) => client.send(command, options),
      },
      signal,
    );
    return { revokedEntities: answer.revokedEntities ?? [] };
  }

  /**
   * Revokes the signature that a job made. A job that is revoked already is a success.
   * @throws AwsError; the signal's reason when aborted; NotLeaderError where the fence holds it back
   */
  revokeSignature(request: RevokeSignatureRequest, signal: AbortSignal): Promise<void> {
    return throughFence(this.#fence, signal, (fenced, pass) => this.#revokeSignature(request, fenced, pass));
  }

  async #revokeSignature(request: RevokeSignatureRequest, signal: AbortSignal, pass: WritePass): Promise<void> {
    const { jobId, account, region } = parseSigningJobArn(request.jobArn);
    const reason = request.reason.slice(0, MAX_REASON_LENGTH);
    const command = new RevokeSignatureCommand({ jobId, jobOwner: account, reason });
    command.middlewareStack.add(asking(pass), EACH_TRY);
    try {
      await this.#clients.call(
        {
          operation: 'RevokeSignature',
          target: request.profile === undefined ? request.jobArn : `${request.jobArn} (of ${request.profile.arn})`,
          notFound: 'RequestRejected',
          region,
          assumeRoleArn: request.assumeRoleArn,
          send: (client, options) => client.send(command, options),
        },
        signal,
      );
    } catch (error) {
      if (
        error instanceof AwsError &&
        error.code === 'RequestRejected' &&
        /already\b.*\brevoked/i.test(error.message)
      ) {
        return;
      }
      throw error;
    }
  }

  /** Closes the connections that are kept alive. */
  close(): void {
    this.#clients.close();
  }
}

/** Innermost of the SDK's steps: after the retries were counted and the request was signed. */
const EACH_TRY = { name: 'writeFence', step: 'deserialize', priority: 'low' } as const;

/**
 * Asks the fence at each try of a call, last before it is sent. One that waits for its connection while the process is
 * stopped may still leave when it wakes: a job that signs for nobody, since the push after it asks again; or the
 * revocation that a person wanted.
 */
function asking(pass: WritePass): <A, R>(next: (args: A) => R) => (args: A) => R {
  return (next) => (args) => {
    pass.check();
    return next(args);
  };
}

function regionOf(profileVersionArn: string): string {
  const split = splitSignerArn(profileVersionArn);
  if (split !== undefined) return split.region;
  const found = JSON.stringify(profileVersionArn.slice(0, 200));
  throw new AwsError('InvalidArn', `expected the ARN of a signing profile version; found ${found}`);
}

function checkSigned(answer: SignPayloadResponse, profile: SigningProfileArn): SignedPayload {
  const { signature, jobId, jobOwner, metadata = {} } = answer;
  const unexpected = (found: string): AwsError =>
    new AwsError('Unavailable', `SignPayload with ${profile.arn}: expected a signature and its job; found ${found}`);
  if (signature === undefined || signature.byteLength === 0) throw unexpected('no signature');
  if (jobId === undefined || jobId === '') throw unexpected('no jobId');
  if (JSON.stringify(metadata).length > MAX_METADATA_BYTES) {
    throw unexpected(`metadata of more than ${MAX_METADATA_BYTES} bytes`);
  }
  const { partition, region } = profile;
  return {
    envelope: signature,
    jobId,
    metadata,
    ...(jobOwner === undefined
      ? {}
      : { jobArn: `arn:${partition}:signer:${region}:${jobOwner}:/signing-jobs/${jobId}` }),
  };
}
