/** A registry of Amazon ECR, from its host name. */
export type EcrHost =
  | {
      readonly kind: 'private';
      readonly account: string;
      readonly region: string;
      readonly fips: boolean;
      /** Reached over IPv4 and IPv6; so must its API be. */
      readonly dualStack: boolean;
    }
  | { readonly kind: 'public' };

/** ECR Public has one API, in this region of the partition `aws`. */
export const ECR_PUBLIC_REGION = 'us-east-1';
const PUBLIC_HOST = 'public.ecr.aws';

/**
 * The forms of aws.md, "Amazon ECR". The whole name is matched, up to a suffix that belongs to AWS: a token of ECR
 * must never go to a host that only looks like one.
 */
const PRIVATE_HOST =
  /^(\d{12})\.dkr(?:\.ecr(-fips)?\.([a-z]{2,4}(?:-[a-z]+){1,3}-\d{1,2})\.(?:amazonaws\.com(?:\.cn)?|amazonaws\.eu)|-ecr(-fips)?\.([a-z]{2,4}(?:-[a-z]+){1,3}-\d{1,2})\.on\.(?:aws|amazonwebservices\.com\.cn))$/;

/** Reads the host of a registry; undefined when it is not of ECR. A host with a port is not. */
export function parseEcrHost(host: string): EcrHost | undefined {
  const name = host.toLowerCase();
  if (name === PUBLIC_HOST) return { kind: 'public' };
  const match = PRIVATE_HOST.exec(name);
  const account = match?.[1];
  const region = match?.[3] ?? match?.[5];
  if (account === undefined || region === undefined) return undefined;
  return {
    kind: 'private',
    account,
    region,
    fips: (match?.[2] ?? match?.[4]) !== undefined,
    dualStack: match?.[5] !== undefined,
  };
}
