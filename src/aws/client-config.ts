import { type AwsOptions, endpointFor } from './aws-options.ts';
import { bounds } from './client-bounds.ts';
import { type CredentialSource, callCredentials } from './credentials.ts';

/** What every client of the SDK gets: its region, credentials, retries and bounds, and the endpoint if overridden. */
export function clientConfig(
  options: AwsOptions,
  base: CredentialSource,
  region: string,
  roleArn: string | undefined,
): ReturnType<typeof bounds> & {
  readonly region: string;
  readonly credentials: CredentialSource;
  readonly endpoint?: string;
  readonly disableHostPrefix?: boolean;
  readonly useFipsEndpoint?: boolean;
} {
  const endpoint = endpointFor(options.endpoint, region);
  return {
    region,
    credentials: callCredentials(options, base, region, roleArn),
    ...bounds(options),
    // An override is the whole host: the SDK would put `data-` before it, or refuse it where FIPS is asked for.
    ...(endpoint === undefined ? {} : { endpoint, disableHostPrefix: true, useFipsEndpoint: false }),
  };
}
