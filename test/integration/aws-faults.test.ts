import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import {
  AwsError,
  createSignerPlugin,
  parseSigningProfileArn,
  SignerService,
  type SigningProfileArn,
  signerAttributes,
} from '../../src/aws/index.ts';
import { LeaseFence } from '../../src/kubernetes/index.ts';
import { createPayload, type Envelope, MEDIA_TYPE_JWS, parseEnvelope } from '../../src/notary/index.ts';
import { NotLeaderError } from '../../src/transport/index.ts';
import { type AwsEmulator, type OutageKind, startAwsEmulator } from '../support/aws-emulator/index.ts';
import { waitFor } from '../support/processes.ts';

const SUBJECT = {
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  digest: `sha256:${'a'.repeat(64)}`,
  size: 527,
};
const payload = createPayload(SUBJECT);
const { signal } = new AbortController();

let aws: AwsEmulator;
let service: SignerService;
let profile: SigningProfileArn;
let envelope: Envelope;

beforeAll(async () => {
  aws = await startAwsEmulator();
  service = new SignerService({
    endpoint: aws.endpoint,
    credentials: aws.credentials,
    maxAttempts: 3,
    requestTimeoutMs: 300,
  });
  profile = parseSigningProfileArn(aws.createProfile({ name: 'release' }).arn);
  envelope = parseEnvelope((await service.signPayload({ profile, payload }, signal)).envelope, MEDIA_TYPE_JWS);
});
afterEach(() => aws.faults.up());
afterAll(async () => {
  service.close();
  await aws.stop();
});

async function failure(promise: Promise<unknown>): Promise<AwsError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof AwsError) return error;
  throw new Error(`expected an AwsError; found ${String(error)}`);
}

describe('a replica that does not lead', () => {
  it('asks for no signature and no revocation, also where it lost its lease between two tries (faults.md 18)', async () => {
    const fence = new LeaseFence();
    const fenced = new SignerService({ endpoint: aws.endpoint, credentials: aws.credentials, fence });
    onTestFinished(() => fenced.close());
    const jobArn = signerAttributes(envelope)?.jobArn ?? '';
    const before = aws.requests.length;
    for (const call of [
      fenced.signPayload({ profile, payload }, signal),
      fenced.revokeSignature({ jobArn, reason: 'test' }, signal),
    ]) {
      await expect(call).rejects.toThrow(NotLeaderError);
    }
    expect(aws.requests.length).toBe(before);

    let now = 0;
    const slow = new LeaseFence(() => now);
    const retrying = new SignerService({ endpoint: aws.endpoint, credentials: aws.credentials, fence: slow });
    onTestFinished(() => retrying.close());
    slow.begin(3_600_000);
    aws.faults.throttle(1, 'SignPayload');
    const call = retrying.signPayload({ profile, payload }, signal).catch((error: unknown) => error);
    await waitFor('the first try', () => aws.requests.length === before + 1);
    // As after SIGCONT: the time is over by the clock, and no timer has told.
    now = 3_600_000;
    expect(await call).toBeInstanceOf(NotLeaderError);
    expect(aws.requests.slice(before).map(({ status }) => status)).toEqual([429]);
    slow.end();
  });
});

describe('throttling (aws.md, "Signing")', () => {
  it('is retried with backoff until it ends', async () => {
    const patient = new SignerService({ endpoint: aws.endpoint, credentials: aws.credentials });
    const before = aws.requests.length;
    aws.faults.throttle(2, 'SignPayload');
    await patient.signPayload({ profile, payload }, signal);
    expect(aws.requests.slice(before).map(({ status }) => status)).toEqual([429, 429, 200]);
    patient.close();
  });

  it('that does not end is told as such, and not terminal', async () => {
    const patient = new SignerService({ endpoint: aws.endpoint, credentials: aws.credentials, maxAttempts: 2 });
    const before = aws.requests.length;
    aws.faults.throttle(100);
    const error = await failure(patient.signPayload({ profile, payload }, signal));
    expect([error.code, error.terminal]).toEqual(['Throttled', false]);
    expect(aws.requests).toHaveLength(before + 2);
    patient.close();
  });
});

describe('an outage of AWS Signer leaves revocation unknown, never revoked (faults.md 43)', () => {
  it.each<OutageKind>(['reset', '503', 'hang'])('%s', async (kind) => {
    aws.faults.down(kind, 'GetRevocationStatus');
    const answer = await createSignerPlugin(service).checkRevocation(envelope, { now: new Date(), signal });
    expect(answer).toMatchObject({ status: 'unknown', reason: expect.stringContaining('GetRevocationStatus') });
  });

  it('nobody listens', async () => {
    const gone = await startAwsEmulator();
    const { endpoint } = gone;
    await gone.stop();
    const lonely = new SignerService({
      endpoint,
      credentials: aws.credentials,
      maxAttempts: 2,
      requestTimeoutMs: 1000,
    });
    const answer = await createSignerPlugin(lonely).checkRevocation(envelope, { now: new Date(), signal });
    expect(answer).toMatchObject({ status: 'unknown', reason: expect.stringContaining('ECONNREFUSED') });
    lonely.close();
  });

  it('and ends when it ends', async () => {
    aws.faults.down('503');
    const error = await failure(service.signPayload({ profile, payload }, signal));
    expect([error.code, error.terminal]).toEqual(['Unavailable', false]);
    aws.faults.up();
    await expect(
      createSignerPlugin(service).checkRevocation(envelope, { now: new Date(), signal }),
    ).resolves.toMatchObject({
      status: 'good',
    });
  });
});

describe('a call is bounded', () => {
  it('by the timeout of each try, and their number', async () => {
    aws.faults.down('hang');
    const started = performance.now();
    const error = await failure(service.signPayload({ profile, payload }, signal));
    expect(error.code).toBe('Unavailable');
    expect(performance.now() - started).toBeLessThan(2_000);
  });

  it('by its deadline, while the SDK still waits for credentials', async () => {
    const waiting = new SignerService({
      endpoint: aws.endpoint,
      credentials: () => new Promise(() => undefined),
      maxAttempts: 1,
      requestTimeoutMs: 50,
    });
    const error = await failure(waiting.signPayload({ profile, payload }, signal));
    expect(error.code).toBe('Unavailable');
    expect(error.message).toContain('no answer within 50 ms');
    waiting.close();
  });

  it('by the caller, with the caller’s own reason', async () => {
    aws.faults.down('hang');
    const controller = new AbortController();
    const call = service.signPayload({ profile, payload }, controller.signal);
    const reason = new Error('shutting down');
    controller.abort(reason);
    await expect(call).rejects.toBe(reason);
    await expect(service.signPayload({ profile, payload }, controller.signal)).rejects.toBe(reason);
  });
});

describe('an answer that AWS would not give', () => {
  let server: Server;
  let answer: (response: ServerResponse) => void = (response) => response.end();
  let odd: SignerService;

  beforeAll(async () => {
    server = createServer((request, response) => {
      request.resume();
      answer(response);
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    server.listen(0, '127.0.0.1', resolve);
    await promise;
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    odd = new SignerService({ endpoint, credentials: aws.credentials, maxAttempts: 1, requestTimeoutMs: 5000 });
  });
  afterAll(() => {
    odd.close();
    server.closeAllConnections();
    server.close();
  });

  it('is not read beyond its bound', async () => {
    let sent = 0;
    answer = (response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const chunk = Buffer.alloc(64 * 1024, ' ');
      const more = (): void => {
        while (!response.destroyed) {
          sent += chunk.byteLength;
          if (!response.write(chunk)) break;
        }
      };
      response.on('drain', more);
      more();
    };
    const error = await failure(odd.signPayload({ profile, payload }, signal));
    expect(error.code).toBe('Unavailable');
    expect(error.message).toContain('larger than 1048576 bytes');
    expect(sent).toBeLessThan(16 * 1024 * 1024);
  });

  it.each<[string, string, string]>([
    ['of HTML', '<html>captive portal</html>', 'is not JSON'],
    ['without a signature', '{"jobId":"1"}', 'no signature'],
    ['without a job', '{"signature":"e30="}', 'no jobId'],
    [
      'with too much metadata',
      JSON.stringify({ signature: 'e30=', jobId: '1', metadata: { x: 'x'.repeat(20_000) } }),
      'metadata of more than',
    ],
  ])('%s is a fault, not a signature', async (_name, body, expected) => {
    answer = (response) => response.writeHead(200, { 'content-type': 'application/json' }).end(body);
    const error = await failure(odd.signPayload({ profile, payload }, signal));
    expect(error.code).toBe('Unavailable');
    expect(error.message).toContain(expected);
  });
});
