import { SignerClient } from '@aws-sdk/client-signer';
import type { AwsOptions } from './aws-options.ts';
import { type Call, callAws } from './call.ts';
import { clientConfig } from './client-config.ts';
import { baseCredentials, type CredentialSource } from './credentials.ts';

/** A call of Signer: with which client it is sent is said apart. */
export interface SignerCall<T> extends Omit<Call<T>, 'service' | 'send'> {
  /** Assumed for this call. */
  readonly assumeRoleArn: string | undefined;
  readonly send: (client: SignerClient, options: { readonly abortSignal: AbortSignal }) => Promise<T>;
}

/** The SDK's clients of AWS Signer, one for each region and role, kept. */
export class SignerClients {
  readonly #options: AwsOptions;
  readonly #credentials: CredentialSource;
  readonly #clients = new Map<string, SignerClient>();

  constructor(options: AwsOptions) {
    this.#options = options;
    this.#credentials = baseCredentials(options);
  }

  /** @throws AwsError; the signal's reason when aborted */
  call<T>({ assumeRoleArn, send, ...call }: SignerCall<T>, signal: AbortSignal): Promise<T> {
    const client = this.#client(call.region, assumeRoleArn);
    return callAws(
      { service: 'signer', ...call, send: (abortSignal) => send(client, { abortSignal }) },
      this.#options,
      signal,
    );
  }

  /** Closes the connections that are kept alive. */
  close(): void {
    for (const client of this.#clients.values()) client.destroy();
    this.#clients.clear();
  }

  #client(region: string, roleArn: string | undefined): SignerClient {
    const key = `${region} ${roleArn ?? ''}`;
    let client = this.#clients.get(key);
    if (client === undefined) {
      client = new SignerClient(clientConfig(this.#options, this.#credentials, region, roleArn));
      this.#clients.set(key, client);
    }
    return client;
  }
}
