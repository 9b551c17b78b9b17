import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ADMIN_PREFIX, runAdmin } from './admin-api.ts';
import { CertificateAuthority } from './certificate-authority.ts';
import { EcrApi, ecrOperation, type RegistryToken } from './ecr-api.ts';
import { type Fault, Faults } from './faults.ts';
import type { Access } from './iam-policy.ts';
import { type AccessKey, Identities } from './identities.ts';
import { POD_IDENTITY_PATH, PodIdentity } from './pod-identity.ts';
import { type ServiceName, writeAnswer, writeError } from './responses.ts';
import { signerAccess } from './signer-access.ts';
import { runSigner, signerOperation } from './signer-api.ts';
import { type Profile, SignerState, type ValidityPeriod } from './signer-state.ts';
import { authenticate, type Caller, type HttpRequest } from './sigv4.ts';
import { runSts, runWebIdentity, stsOperation } from './sts-api.ts';
import { WebIdentities } from './web-identity.ts';
import { denied, WireError } from './wire-error.ts';

const DAY_MS = 24 * 60 * 60_000;
const MAX_BODY_BYTES = 64 * 1024;

export interface EmulatorOptions {
  /** Default 0: any free port. */
  readonly port?: number;
  /** The account of the first access key. */
  readonly accountId?: string;
  /** Of profiles made without one. */
  readonly region?: string;
  /** The emulator's own: how long one unit of DAYS lasts, so that a signature can expire within a test. */
  readonly dayMs?: number;
  readonly now?: () => Date;
}

/** A request as it was answered: nothing secret of it. */
export interface RecordedRequest {
  readonly time: string;
  readonly service: ServiceName | 'pod-identity';
  readonly operation: string;
  readonly region?: string;
  readonly principalArn?: string;
  readonly status: number | 'reset';
  readonly errorCode?: string;
}

export interface ProfileOptions {
  readonly name: string;
  /** Default 135 months, as with AWS. */
  readonly validity?: ValidityPeriod;
  readonly region?: string;
  readonly accountId?: string;
  /** Its signatures carry this alias. */
  readonly alias?: string;
}

/** Starts an emulation of AWS Signer, ECR and STS on 127.0.0.1. */
export async function startAwsEmulator(options: EmulatorOptions = {}): Promise<AwsEmulator> {
  const now = options.now ?? (() => new Date());
  const emulator = new AwsEmulator(options, await CertificateAuthority.create(now));
  await emulator.listen(options.port ?? 0);
  return emulator;
}

/**
 * AWS as the SDK meets it: REST-JSON for Signer, JSON 1.1 for ECR, Query for STS, Signature Version 4 checked.
 * All services and regions answer at one endpoint; the region is that of the request's signature.
 */
export class AwsEmulator {
  readonly accountId: string;
  readonly region: string;
  readonly faults = new Faults();
  readonly identities = new Identities();
  /** IRSA: tokens of ServiceAccounts. */
  readonly webIdentities: WebIdentities;
  readonly podIdentity: PodIdentity;
  /** Keys of a user of `accountId`. */
  readonly credentials: AccessKey;
  /** PEM of the root, for a trust store of type signingAuthority. */
  readonly rootPem: string;
  readonly #authority: CertificateAuthority;
  readonly #state: SignerState;
  readonly #ecr: EcrApi;
  readonly #now: () => Date;
  readonly #server: Server;
  readonly #requests: RecordedRequest[] = [];
  readonly #denied = new Set<string>();

  constructor(options: EmulatorOptions, authority: CertificateAuthority) {
    this.accountId = options.accountId ?? '111122223333';
    this.region = options.region ?? 'us-west-2';
    this.credentials = this.identities.createAccessKey(this.accountId);
    this.rootPem = authority.rootPem;
    this.#now = options.now ?? (() => new Date());
    this.webIdentities = new WebIdentities(this.#now);
    this.podIdentity = new PodIdentity(this.identities, this.#now);
    this.#authority = authority;
    this.#state = new SignerState({ now: this.#now, dayMs: options.dayMs ?? DAY_MS }, authority);
    this.#ecr = new EcrApi(this.#now);
    this.#server = createServer((request, response) => void this.#handle(request, response));
  }

  /** http://127.0.0.1:port */
  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Every request so far, oldest first. */
  get requests(): readonly RecordedRequest[] {
    return this.#requests;
  }

  createProfile(options: ProfileOptions): Profile {
    const { name, validity = { value: 135, type: 'MONTHS' }, region = this.region } = options;
    return this.#state.createProfile(options.accountId ?? this.accountId, region, name, validity, options.alias);
  }

  /**
   * Signs as SignPayload does, without the way over the wire: for worlds of a thousand signatures.
   * @param arn of the profile
   * @param payload the bytes that are signed
   */
  async sign(
    arn: string,
    payload: Buffer,
  ): Promise<{ readonly jobArn: string; readonly expiresAt: Date; readonly envelope: Buffer }> {
    const { job, envelope } = await this.#state.signPayload(this.#profile(arn), payload);
    return { jobArn: job.arn, expiresAt: job.expiresAt, envelope };
  }

  /** @param arn of the profile, or of its version */
  cancelProfile(arn: string): void {
    this.#state.cancelProfile(this.#profile(arn));
  }

  /** @param effectiveFrom signatures made then or later are revoked; default: all */
  revokeProfile(arn: string, effectiveFrom = new Date(0), reason = 'revoked by a test'): void {
    this.#state.revokeProfile(this.#profile(arn), effectiveFrom, reason, this.credentials.principal.arn);
  }

  revokeSignature(jobArn: string, reason = 'revoked by a test'): void {
    const [, , , , accountId = '', resource = ''] = jobArn.split(':');
    const job = this.#state.job(accountId, resource.slice(resource.lastIndexOf('/') + 1));
    this.#state.revokeJob(job, reason, this.credentials.principal.arn);
  }

  /** @param certificate of any signature's chain: DER, or PEM */
  revokeCertificate(certificate: Buffer | string): void {
    this.#state.revokeCertificate(Buffer.from(certificate));
  }

  /** Signatures from now on come with a new leaf certificate. */
  rotateLeaves(): void {
    this.#authority.rotateLeaves();
  }

  /** From now on IAM denies an operation, e.g. `SignPayload`, to everybody. */
  deny(operation: string): void {
    this.#denied.add(operation);
  }

  allowAll(): void {
    this.#denied.clear();
  }

  /** Whether a registry password was given out by GetAuthorizationToken, and is still valid. */
  isValidEcrToken(token: string): boolean {
    return typeof this.#ecr.find(token) === 'object';
  }

  /** Whom a registry password stands for. */
  findEcrToken(password: string): RegistryToken | 'expired' | undefined {
    return this.#ecr.find(password);
  }

  /** Every registry password given out so far ends now. */
  expireEcrTokens(): void {
    this.#ecr.expireAll();
  }

  listen(port: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once('error', reject).listen(port, '127.0.0.1', resolve);
    return promise;
  }

  stop(): Promise<void> {
    this.faults.up();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    this.#server.closeAllConnections();
    return promise;
  }

  #profile(arn: string): Profile {
    const [, , , region = '', accountId = '', resource = ''] = arn.split(':');
    return this.#state.profile(accountId, region, resource.split('/')[2] ?? '');
  }

  async #handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await this.#answer(await readRequest(incoming), response);
    } catch (error) {
      // The caller went away, or the emulator has a defect: either way nobody waits for an answer of ours.
      if (!incoming.destroyed) console.error(error);
      response.destroy();
    }
  }

  async #answer(request: HttpRequest, response: ServerResponse): Promise<void> {
    if (request.url.startsWith(ADMIN_PREFIX)) {
      const { status, answer } = runAdmin(this, request);
      response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(answer)}\n`);
      return;
    }
    if (request.method === 'GET' && request.url === POD_IDENTITY_PATH) {
      const { status, body } = this.podIdentity.answer(request);
      this.#record('pod-identity', 'GetCredentials', status);
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      return;
    }
    const { service, operation, name } = target(request);
    const fault = this.faults.next(operation);
    if (fault.delayMs > 0) await new Promise((resolve) => setTimeout(resolve, fault.delayMs));
    let caller: Caller | undefined;
    try {
      if (await this.#suffers(fault, service, operation, response)) return;
      if (operation === 'AssumeRoleWithWebIdentity') {
        const { principal, answer } = runWebIdentity(this.identities, this.webIdentities, request, this.#now());
        this.#record(service, operation, 200, { principal, accessKeyId: '', region: '' });
        writeAnswer(response, service, answer);
        return;
      }
      const protocol = service === 'sts' ? 'query' : 'json';
      caller = authenticate(request, service, this.identities, this.#now(), protocol);
      if (this.#denied.has(operation)) throw denied(caller.principal.arn, `${service}:${operation}`, '*');
      this.identities.authorize(caller.principal, this.#accesses(service, operation, name, request, caller));
      const answer = await this.#run(service, operation, request, caller);
      this.#record(service, operation, 200, caller);
      writeAnswer(response, service, answer);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.#record(service, operation, error.status, caller, error.code);
      writeError(response, service, error);
    }
  }

  #run(service: ServiceName, operation: string, request: HttpRequest, caller: Caller): unknown {
    switch (service) {
      case 'signer':
        return runSigner(this.#state, request, caller);
      case 'ecr':
      case 'ecr-public':
        return this.#ecr.run(service, operation, caller);
      case 'sts':
        return runSts(this.identities, request, caller, this.#now());
    }
  }

  /** What IAM is asked before anything is done; STS asks by itself, where it knows the role. */
  #accesses(
    service: ServiceName,
    operation: string,
    name: string,
    request: HttpRequest,
    caller: Caller,
  ): readonly Access[] {
    switch (service) {
      case 'signer':
        return signerAccess(this.#state, operation, name, request, caller);
      case 'ecr':
        return [{ action: `ecr:${operation}`, resource: '*' }];
      case 'ecr-public':
        return [`ecr-public:${operation}`, 'sts:GetServiceBearerToken'].map((action) => ({ action, resource: '*' }));
      case 'sts':
        return [];
    }
  }

  /** Whether the fault already was the whole answer. @throws WireError for throttling */
  async #suffers(fault: Fault, service: ServiceName, operation: string, response: ServerResponse): Promise<boolean> {
    switch (fault.kind) {
      case 'none':
        return false;
      case 'throttle':
        throw service === 'signer'
          ? new WireError(429, 'ThrottlingException', 'Rate exceeded')
          : new WireError(400, service === 'sts' ? 'Throttling' : 'ThrottlingException', 'Rate exceeded');
      case '503':
        this.#record(service, operation, 503);
        response.writeHead(503, { 'content-type': 'text/html' }).end('<html>Service Unavailable</html>');
        return true;
      case 'hang':
        this.#record(service, operation, 'reset');
        await this.faults.untilUp();
        response.socket?.resetAndDestroy();
        return true;
      case 'reset':
        this.#record(service, operation, 'reset');
        response.socket?.resetAndDestroy();
        return true;
    }
  }

  #record(
    service: RecordedRequest['service'],
    operation: string,
    status: RecordedRequest['status'],
    caller?: Caller,
    errorCode?: string,
  ): void {
    this.#requests.push({
      time: this.#now().toISOString(),
      service,
      operation,
      ...(caller === undefined ? {} : { region: caller.region, principalArn: caller.principal.arn }),
      status,
      ...(errorCode === undefined ? {} : { errorCode }),
    });
  }
}

function target(request: HttpRequest): {
  readonly service: ServiceName;
  readonly operation: string;
  readonly name: string;
} {
  const ecr = ecrOperation(request);
  if (ecr !== undefined) return { ...ecr, name: '' };
  const sts = stsOperation(request);
  if (sts !== undefined) return { service: 'sts', operation: sts, name: '' };
  return { service: 'signer', ...(signerOperation(request) ?? { operation: 'Unknown', name: '' }) };
}

async function readRequest(incoming: IncomingMessage): Promise<HttpRequest> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming) {
    const bytes = Buffer.from(chunk);
    size += bytes.byteLength;
    if (size > MAX_BODY_BYTES) throw new Error(`a request of more than ${MAX_BODY_BYTES} bytes`);
    chunks.push(bytes);
  }
  const { method = 'GET', url = '/', headers } = incoming;
  return { method, url, headers, body: Buffer.concat(chunks) };
}
