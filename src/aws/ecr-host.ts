/** A private registry of Amazon ECR, from its host name. */
export interface EcrHost {
  readonly account: string;
  readonly region: string;
  readonly fips: boolean;
}

/**
 * The forms of aws.md, "Amazon ECR". The whole name is matched, up to a suffix that belongs to AWS: a token of ECR
 * must never go to a host that only looks like one.
 */
const HOST =
  /^(\d{12})\.dkr(?:\.ecr(-fips)?\.([a-z]{2,4}(?:-[a-z]+){1,3}-\d{1,2})\.(?:amazonaws\.com(?:\.cn)?|amazonaws\.eu)|-ecr(-fips)?\.([a-z]{2,4}(?:-[a-z]+){1,3}-\d{1,2})\.on\.(?:aws|amazonwebservices\.com\.cn))$/;

/** Reads the host of a registry; undefined when it is not of ECR. A host with a port is not. */
export function parseEcrHost(host: string): EcrHost | undefined {
  const match = HOST.exec(host.toLowerCase());
  const account = match?.[1];
  const region = match?.[3] ?? match?.[5];
  if (account === undefined || region === undefined) return undefined;
  return { account, region, fips: (match?.[2] ?? match?.[4]) !== undefined };
}
