import { createHash, randomBytes, randomUUID, X509Certificate } from 'node:crypto';
import type { CertificateAuthority } from './certificate-authority.ts';
import { createEnvelope } from './envelope.ts';
import { notFound, validation } from './wire-error.ts';

export const PLATFORM_ID = 'Notation-OCI-SHA384-ECDSA';

export interface ValidityPeriod {
  readonly value: number;
  readonly type: 'DAYS' | 'MONTHS' | 'YEARS';
}

/** A signing profile of one account and region. */
export interface Profile {
  readonly name: string;
  readonly accountId: string;
  readonly region: string;
  readonly version: string;
  readonly arn: string;
  readonly versionArn: string;
  readonly validity: ValidityPeriod;
  /** Name of the alias through which it is used. */
  readonly alias?: string;
  status: 'Active' | 'Canceled' | 'Revoked';
  statusReason?: string;
  revocation?: { readonly effectiveFrom: Date; readonly revokedAt: Date; readonly revokedBy: string };
  /** Accounts that may use it besides its own, by action. */
  readonly permissions: { readonly action: string; readonly principal: string; readonly statementId: string }[];
}

export interface Job {
  readonly id: string;
  readonly arn: string;
  readonly accountId: string;
  readonly profile: Profile;
  readonly signedAt: Date;
  readonly expiresAt: Date;
  revocation?: { readonly reason: string; readonly revokedAt: Date; readonly revokedBy: string };
}

export interface StateOptions {
  readonly now: () => Date;
  /** Milliseconds that one unit of DAYS lasts. */
  readonly dayMs: number;
}

/** What AWS Signer remembers: profiles, jobs, and what of them is revoked. */
export class SignerState {
  readonly #options: StateOptions;
  readonly #authority: CertificateAuthority;
  readonly #profiles = new Map<string, Profile>();
  readonly #jobs = new Map<string, Job>();
  readonly #revokedCertificates = new Set<string>();

  constructor(options: StateOptions, authority: CertificateAuthority) {
    this.#options = options;
    this.#authority = authority;
  }

  createProfile(accountId: string, region: string, name: string, validity: ValidityPeriod, alias?: string): Profile {
    const key = `${accountId} ${region} ${name}`;
    const old = this.#profiles.get(key);
    if (old !== undefined) {
      throw validation(`Signing profile ${name} already exists with status ${old.status}; its name cannot be reused.`);
    }
    const version = randomBytes(32)
      .toString('base64')
      .replace(/[^A-Za-z0-9]/g, '')
      .slice(0, 10);
    const arn = `arn:${partitionOf(region)}:signer:${region}:${accountId}:/signing-profiles/${name}`;
    const versionArn = `${arn}/${version}`;
    const profile: Profile = {
      ...{ name, accountId, region, version, arn, versionArn, validity },
      ...(alias === undefined ? {} : { alias }),
      status: 'Active',
      permissions: [],
    };
    this.#profiles.set(key, profile);
    return profile;
  }

  profile(accountId: string, region: string, name: string): Profile {
    const profile = this.#profiles.get(`${accountId} ${region} ${name}`);
    if (profile === undefined) throw notFound(`Signing profile ${name} does not exist.`);
    return profile;
  }

  findProfile(accountId: string, region: string, name: string): Profile | undefined {
    return this.#profiles.get(`${accountId} ${region} ${name}`);
  }

  /** Those of an account and region, in the order in which they were made. */
  profiles(accountId: string, region: string): readonly Profile[] {
    return [...this.#profiles.values()].filter((one) => one.accountId === accountId && one.region === region);
  }

  findJob(id: string): Job | undefined {
    return this.#jobs.get(id);
  }

  cancelProfile(profile: Profile): void {
    if (profile.status !== 'Active') {
      throw validation(`Signing profile ${profile.name} cannot be canceled: its status is ${profile.status}.`);
    }
    profile.status = 'Canceled';
    profile.statusReason = 'Signing profile was canceled.';
  }

  revokeProfile(profile: Profile, effectiveFrom: Date, reason: string, revokedBy: string): void {
    if (profile.revocation !== undefined) {
      throw validation(`Signing profile version ${profile.versionArn} has already been revoked.`);
    }
    profile.status = 'Revoked';
    profile.statusReason = reason;
    profile.revocation = { effectiveFrom, revokedAt: this.#options.now(), revokedBy };
  }

  async signPayload(profile: Profile, payload: Buffer): Promise<{ readonly job: Job; readonly envelope: Buffer }> {
    if (profile.status !== 'Active') {
      throw validation(`Signing profile ${profile.name} cannot be used to sign.`);
    }
    const { accountId, region } = profile;
    const id = randomUUID();
    const signedAt = new Date(Math.floor(this.#options.now().getTime() / 1000) * 1000);
    const job: Job = {
      id,
      arn: `arn:${partitionOf(region)}:signer:${region}:${accountId}:/signing-jobs/${id}`,
      accountId,
      profile,
      signedAt,
      expiresAt: addPeriod(signedAt, profile.validity, this.#options.dayMs),
    };
    const { expiresAt, arn: jobArn } = job;
    const certificate = await this.#authority.signingCertificate(region);
    const { versionArn: profileVersionArn } = profile;
    const { alias } = profile;
    const aliasArn =
      alias === undefined
        ? {}
        : { aliasArn: `arn:${partitionOf(region)}:signer:${region}:${accountId}:/aliases/${alias}` };
    const envelope = createEnvelope({
      ...{ payload, certificate, signedAt, expiresAt, jobArn, profileVersionArn },
      ...aliasArn,
    });
    this.#jobs.set(id, job);
    return { job, envelope };
  }

  job(accountId: string, id: string): Job {
    const job = this.#jobs.get(id);
    if (job === undefined || job.accountId !== accountId) throw notFound(`Signing job ${id} does not exist.`);
    return job;
  }

  revokeJob(job: Job, reason: string, revokedBy: string): void {
    if (job.revocation !== undefined) throw validation(`Signing job ${job.id} has already been revoked.`);
    job.revocation = { reason, revokedAt: this.#options.now(), revokedBy };
  }

  /** Revokes a certificate of a chain. @param der the certificate */
  revokeCertificate(der: Buffer): void {
    this.#revokedCertificates.add(tbsHash(der));
  }

  revokedEntities(
    jobArn: string,
    profileVersionArn: string,
    certificateHashes: readonly string[],
    signedAt: Date,
  ): string[] {
    const entities: string[] = [];
    const job = this.#jobs.get(jobArn.slice(jobArn.lastIndexOf('/') + 1));
    if (job?.arn === jobArn && job.revocation !== undefined) entities.push(jobArn);
    const profile = [...this.#profiles.values()].find((one) => one.versionArn === profileVersionArn);
    if (profile?.revocation !== undefined && signedAt >= profile.revocation.effectiveFrom) {
      entities.push(profileVersionArn);
    }
    for (const pair of certificateHashes) if (this.#revokedCertificates.has(pair.slice(0, 96))) entities.push(pair);
    return entities;
  }
}

/** The partition of a region, as the beginning of its name tells. */
export function partitionOf(region: string): string {
  if (region.startsWith('cn-')) return 'aws-cn';
  return region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws';
}

/** By the calendar, in UTC; a day that the month has not becomes its last. DAYS last `dayMs` each. */
export function addPeriod(start: Date, { value, type }: ValidityPeriod, dayMs: number): Date {
  if (type === 'DAYS') return new Date(start.getTime() + value * dayMs);
  const end = new Date(start);
  end.setUTCDate(1);
  end.setUTCMonth(start.getUTCMonth() + (type === 'YEARS' ? 12 * value : value));
  const daysInMonth = new Date(Date.UTC(end.getUTCFullYear(), end.getUTCMonth() + 1, 0)).getUTCDate();
  end.setUTCDate(Math.min(start.getUTCDate(), daysInMonth));
  return end;
}

/** SHA-384 over the TBSCertificate, found by its DER header: the first element of the outer sequence. */
function tbsHash(der: Buffer): string {
  const raw = new X509Certificate(der).raw;
  const outer = readHeader(raw, 0);
  const inner = readHeader(raw, outer.contentAt);
  return createHash('sha384')
    .update(raw.subarray(outer.contentAt, inner.contentAt + inner.length))
    .digest('hex');
}

function readHeader(bytes: Buffer, at: number): { readonly contentAt: number; readonly length: number } {
  const first = bytes[at + 1] ?? 0;
  if (first < 0x80) return { contentAt: at + 2, length: first };
  const size = first & 0x7f;
  return { contentAt: at + 2 + size, length: bytes.readUIntBE(at + 2, size) };
}
