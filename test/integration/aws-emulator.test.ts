import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { GetRevocationStatusCommand, PutSigningProfileCommand, SignerClient } from '@aws-sdk/client-signer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseSigningProfileArn, SignerService } from '../../src/aws/index.ts';
import { createPayload } from '../../src/notary/index.ts';
import { type AwsEmulator, startAwsEmulator } from '../support/aws-emulator/index.ts';

const SUBJECT = {
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  digest: `sha256:${'c'.repeat(64)}`,
  size: 1,
};
const MAIN = new URL('../support/aws-emulator/main.ts', import.meta.url).pathname;
const { signal } = new AbortController();

let aws: AwsEmulator;
beforeAll(async () => {
  aws = await startAwsEmulator();
});
afterAll(() => aws.stop());

describe('the emulator checks requests as AWS does', () => {
  it('refuses a request without signature', async () => {
    const response = await fetch(`${aws.endpoint}/signing-profiles/release`);
    expect([response.status, response.headers.get('x-amzn-errortype')]).toEqual([
      403,
      'MissingAuthenticationTokenException',
    ]);
  });

  it('refuses a header that is no signature', async () => {
    const authorization = 'AWS4-HMAC-SHA256 Credential=nobody';
    const response = await fetch(`${aws.endpoint}/revocations`, { headers: { authorization } });
    expect(response.headers.get('x-amzn-errortype')).toBe('IncompleteSignatureException');
  });

  it('refuses a signature for another service', async () => {
    const client = new SignerClient({ region: 'us-west-2', endpoint: aws.endpoint, credentials: aws.credentials });
    client.middlewareStack.add(
      (next) => (args) => {
        const { headers } = args.request as { headers: Record<string, string> };
        headers['authorization'] = headers['authorization']?.replace('/signer/', '/s3/') ?? '';
        return next(args);
      },
      { step: 'finalizeRequest', priority: 'low' },
    );
    const put = new PutSigningProfileCommand({ profileName: 'scoped', platformId: 'Notation-OCI-SHA384-ECDSA' });
    await expect(client.send(put)).rejects.toMatchObject({
      name: 'InvalidSignatureException',
      message: expect.stringContaining("correct service: 'signer'"),
    });
    client.destroy();
  });

  it('refuses a request that was changed after it was signed', async () => {
    const client = new SignerClient({ region: 'us-west-2', endpoint: aws.endpoint, credentials: aws.credentials });
    client.middlewareStack.add(
      (next) => (args) => {
        const request = args.request as { path: string };
        request.path = request.path.replace('signed_name', 'other_name');
        return next(args);
      },
      { step: 'finalizeRequest', priority: 'low' },
    );
    const put = new PutSigningProfileCommand({ profileName: 'signed_name', platformId: 'Notation-OCI-SHA384-ECDSA' });
    await expect(client.send(put)).rejects.toMatchObject({ name: 'InvalidSignatureException' });
    client.destroy();
  });

  it('refuses a clock that is far off', async () => {
    const late = await startAwsEmulator({ now: () => new Date(Date.now() + 60 * 60_000) });
    const client = new SignerClient({
      region: 'us-west-2',
      endpoint: late.endpoint,
      credentials: late.credentials,
      disableClockSkewCorrection: true,
      maxAttempts: 1,
    });
    const put = new PutSigningProfileCommand({ profileName: 'release', platformId: 'Notation-OCI-SHA384-ECDSA' });
    await expect(client.send(put)).rejects.toMatchObject({ name: 'InvalidSignatureException' });
    client.destroy();
    await late.stop();
  });

  it('records no secret', async () => {
    const client = new SignerService({ endpoint: aws.endpoint, credentials: aws.credentials });
    const profile = parseSigningProfileArn(aws.createProfile({ name: 'recorded' }).arn);
    await client.signPayload({ profile, payload: createPayload(SUBJECT) }, signal);
    client.close();
    const record = JSON.stringify(aws.requests);
    expect(record).not.toContain(aws.credentials.secretAccessKey);
    expect(record).not.toContain('Signature=');
  });
});

describe('hosts of AWS Signer', () => {
  it.each([
    ['us-west-2', 'data-signer.us-west-2.amazonaws.com'],
    ['cn-north-1', 'data-signer.cn-north-1.amazonaws.com.cn'],
  ])('are built by the SDK, with one of its own for GetRevocationStatus: %s', async (region, host) => {
    const client = new SignerClient({ region, credentials: aws.credentials });
    const asked: string[] = [];
    client.middlewareStack.add(
      () => async (args) => {
        asked.push((args.request as { hostname: string }).hostname);
        throw new Error('not sent');
      },
      { step: 'finalizeRequest', priority: 'low' },
    );
    const command = new GetRevocationStatusCommand({
      certificateHashes: ['00'],
      jobArn: 'job',
      platformId: 'Notation-OCI-SHA384-ECDSA',
      profileVersionArn: 'version',
      signatureTimestamp: new Date(),
    });
    await expect(client.send(command)).rejects.toThrow('not sent');
    expect(asked).toEqual([host]);
    client.destroy();
  });
});

describe('the emulator as a process', () => {
  it('says how to reach it, obeys its admin path, and ends on SIGTERM', async () => {
    const child = spawn(process.execPath, [MAIN, '--day-ms', '3000', '--account', '999900001111'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
      const { endpoint, rootPem, accountId, accessKeyId, secretAccessKey } = JSON.parse(line) as Record<string, string>;
      expect(rootPem).toContain('BEGIN CERTIFICATE');
      expect(accountId).toBe('999900001111');
      const admin = async (action: string, body: object): Promise<Readonly<Record<string, string>>> => {
        const response = await fetch(`${endpoint}/_emulator/${action}`, { method: 'POST', body: JSON.stringify(body) });
        expect(response.status).toBe(200);
        return (await response.json()) as Readonly<Record<string, string>>;
      };
      const created = await admin('create-profile', { name: 'release', validity: { value: 2, type: 'DAYS' } });
      const service = new SignerService({
        endpoint: endpoint ?? '',
        credentials: { accessKeyId: accessKeyId ?? '', secretAccessKey: secretAccessKey ?? '' },
        maxAttempts: 1,
      });
      const profile = parseSigningProfileArn(created['arn'] ?? '');
      const request = { profile, payload: createPayload(SUBJECT) };
      const { jobArn } = await service.signPayload(request, signal);

      await admin('down', { kind: '503' });
      await expect(service.signPayload(request, signal)).rejects.toMatchObject({ code: 'Unavailable' });
      await admin('up', {});
      await admin('throttle', { count: 1, operation: 'SignPayload' });
      await expect(service.signPayload(request, signal)).rejects.toMatchObject({ code: 'Throttled' });
      await admin('revoke-job', { jobArn });
      await admin('cancel-profile', { arn: profile.arn });
      await expect(service.signPayload(request, signal)).rejects.toMatchObject({ code: 'ProfileCanceled' });
      service.close();

      const requests = (await (await fetch(`${endpoint}/_emulator/requests`)).json()) as { status: number }[];
      expect(requests.map(({ status }) => status)).toEqual([200, 503, 429, 400, 200]);
      const wrong = await fetch(`${endpoint}/_emulator/revoke-job`, { method: 'POST', body: '{"jobArn":"none"}' });
      expect(wrong.status).toBe(400);
    } finally {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      expect(await ended).toEqual([0, null]);
    }
  });
});
