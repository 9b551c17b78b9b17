import { AwsError } from './aws-error.ts';

/** A part of an ARN may become a part of a host name: nothing but these forms may pass. */
const PARTITION = /^aws(?:-[a-z]+)*$/;
const REGION = /^[a-z]{2,4}(?:-[a-z]+){1,3}-\d{1,2}$/;
const ACCOUNT = /^\d{12}$/;

/** Regions that are not of the partition `aws`, by how their names begin; the longest match counts. */
const PARTITION_OF_REGION: readonly (readonly [prefix: string, partition: string])[] = [
  ['us-isob-', 'aws-iso-b'],
  ['us-isof-', 'aws-iso-f'],
  ['eu-isoe-', 'aws-iso-e'],
  ['us-iso-', 'aws-iso'],
  ['us-gov-', 'aws-us-gov'],
  ['eusc-', 'aws-eusc'],
  ['cn-', 'aws-cn'],
];

/** An ARN of service signer, taken apart: `arn:<partition>:signer:<region>:<account>:<resource>`. */
export interface SignerArn {
  readonly partition: string;
  readonly region: string;
  /** Twelve digits. */
  readonly account: string;
  /** Begins with a slash. */
  readonly resource: string;
}

/** The ARN of a signing profile, or of one of its versions. */
export interface SigningProfileArn extends Omit<SignerArn, 'resource'> {
  readonly profileName: string;
  readonly version?: string;
  /** Without the version. */
  readonly arn: string;
  readonly versionArn?: string;
}

/** The ARN of a signing job: what one call of SignPayload made. */
export interface SigningJobArn extends Omit<SignerArn, 'resource'> {
  readonly jobId: string;
  readonly arn: string;
}

const ROLE_ARN = /^arn:aws(?:-[a-z]+)*:iam::\d{12}:role\/[\w+=,.@/-]{1,512}$/;

const PROFILE_RESOURCE = /^\/signing-profiles\/([A-Za-z0-9_]{2,64})(?:\/([A-Za-z0-9]{10}))?$/;
const JOB_RESOURCE = /^\/signing-jobs\/([A-Za-z0-9-]{1,64})$/;
const PROFILE_NEAR_MISS = /^\/?(?:aliased-)?signing-?profiles?[/:]([A-Za-z0-9_]{2,64})(?:[/:]([A-Za-z0-9]{10}))?\/?$/i;

/** Whether a text is the ARN of a role of IAM. */
export function isRoleArn(text: string): boolean {
  return ROLE_ARN.test(text);
}

/** Takes an ARN of service signer apart, without a look at its resource; undefined when it is none. */
export function splitSignerArn(text: string): SignerArn | undefined {
  const [prefix, partition, service, region, account, ...rest] = text.split(':');
  if (prefix !== 'arn' || service !== 'signer' || rest.length !== 1) return undefined;
  const resource = rest[0];
  if (partition === undefined || region === undefined || account === undefined || resource === undefined) {
    return undefined;
  }
  if (!PARTITION.test(partition) || !REGION.test(region) || !ACCOUNT.test(account)) return undefined;
  return { partition, region, account, resource };
}

/**
 * Reads the ARN of a signing profile, with or without version (aws.md, "Signing").
 * @throws AwsError InvalidArn; a near miss gets a "did you mean"
 */
export function parseSigningProfileArn(text: string): SigningProfileArn {
  const split = splitSignerArn(text);
  const match = PROFILE_RESOURCE.exec(split?.resource ?? '');
  const profileName = match?.[1];
  if (split === undefined || profileName === undefined) throw invalidProfileArn(text);
  const { partition, region, account } = split;
  const expected = partitionOf(region);
  if (partition !== expected) {
    throw invalid(
      `expected the partition ${expected}, to which the region ${region} belongs; found ${partition}`,
      text.replace(`arn:${partition}:`, `arn:${expected}:`),
    );
  }
  const arn = `arn:${partition}:signer:${region}:${account}:/signing-profiles/${profileName}`;
  const version = match?.[2];
  return {
    partition,
    region,
    account,
    profileName,
    arn,
    ...(version === undefined ? {} : { version, versionArn: `${arn}/${version}` }),
  };
}

/** Reads the ARN of a signing job. @throws AwsError InvalidArn */
export function parseSigningJobArn(text: string): SigningJobArn {
  const split = splitSignerArn(text);
  const jobId = JOB_RESOURCE.exec(split?.resource ?? '')?.[1];
  if (split === undefined || jobId === undefined) {
    throw invalid(
      `expected the ARN of a signing job, arn:<partition>:signer:<region>:<account>:/signing-jobs/<id>; found ${quote(text)}`,
    );
  }
  const { partition, region, account } = split;
  return { partition, region, account, jobId, arn: text };
}

function partitionOf(region: string): string {
  return PARTITION_OF_REGION.find(([prefix]) => region.startsWith(prefix))?.[1] ?? 'aws';
}

function invalidProfileArn(text: string): AwsError {
  return invalid(
    `expected the ARN of an AWS Signer profile, arn:<partition>:signer:<region>:<account>:/signing-profiles/<name>; found ${quote(text)}`,
    nearMiss(text),
  );
}

/** The profile ARN that was probably meant: another case, `signing-profile`, or a slash left out. */
function nearMiss(text: string): string | undefined {
  const parts = text.trim().split(':');
  const [prefix = '', partition = '', service = '', region = '', account = ''] = parts;
  const match = PROFILE_NEAR_MISS.exec(parts.slice(5).join(':'));
  const name = match?.[1];
  if (name === undefined || /^\/?aliased-/i.test(parts[5] ?? '')) return undefined;
  const version = match?.[2] === undefined ? '' : `/${match[2]}`;
  const meant = [prefix, partition, service, region, account].map((part) => part.toLowerCase()).join(':');
  const candidate = `${meant}:/signing-profiles/${name}${version}`;
  return candidate !== text && splitSignerArn(candidate) !== undefined ? candidate : undefined;
}

function invalid(problem: string, meant?: string): AwsError {
  return new AwsError('InvalidArn', meant === undefined ? problem : `${problem}; did you mean ${meant}?`);
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 200));
}
