import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { AwsError, type AwsErrorCode } from '../../../src/aws/index.ts';
import { RevocationSweep } from '../../../src/verification/index.ts';

const INTERVAL = 10_000;
const request = (jobArn: string) => ({
  jobArn,
  profileVersionArn: 'arn:aws:signer:us-west-2:111122223333:/signing-profiles/p/abcdefghij',
  certificates: [],
  signatureTimestamp: new Date('2026-01-01T00:00:00Z'),
});

/** A source whose answers a test sets; the sweep is what is tested. */
class Source {
  calls: string[] = [];
  revoked: string[] = [];
  failure: AwsErrorCode | undefined;
  async getRevocationStatus({
    jobArn,
  }: {
    readonly jobArn: string;
  }): Promise<{ readonly revokedEntities: readonly string[] }> {
    this.calls.push(jobArn);
    if (this.failure !== undefined) throw new AwsError(this.failure, 'GetRevocationStatus: no');
    return { revokedEntities: this.revoked.includes(jobArn) ? [jobArn] : [] };
  }
}

let source: Source;
let sweep: RevocationSweep;
let told: string[][];
const signal = new AbortController().signal;
const ask = (job: string) => sweep.getRevocationStatus(request(job), signal);

beforeEach(() => {
  vi.useFakeTimers({ now: new Date('2026-02-01T00:00:00Z') });
  source = new Source();
  told = [];
  sweep = new RevocationSweep({
    source,
    clock: () => new Date(),
    intervalMs: INTERVAL,
    concurrency: 2,
    onChange: (users) => told.push([...users]),
  });
});
afterEach(async () => {
  await sweep.stop();
  vi.useRealTimers();
});

describe('the sweep', () => {
  it('asks once per unique signature and interval, however many images use it', async () => {
    await Promise.all([ask('job-1'), ask('job-1'), ask('job-1')]);
    sweep.setUses('image-a', ['job-1']);
    sweep.setUses('image-b', ['job-1']);
    expect(source.calls).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(10 * INTERVAL);
    expect(source.calls.length).toBeGreaterThanOrEqual(11);
    expect(source.calls.length).toBeLessThanOrEqual(14);
    expect(told).toEqual([]);
  });

  it('tells every user of a signature within the interval once it is revoked, and only once (faults.md 45)', async () => {
    await ask('job-1');
    sweep.setUses('image-a', ['job-1']);
    sweep.setUses('image-b', ['job-1']);
    source.revoked = ['job-1'];
    await vi.advanceTimersByTimeAsync(INTERVAL);
    expect(told).toEqual([['image-a', 'image-b']]);
    expect((await ask('job-1')).revokedEntities).toEqual(['job-1']);
    await vi.advanceTimersByTimeAsync(5 * INTERVAL);
    expect(told).toHaveLength(1);
  });

  it('forgets what nobody uses any more', async () => {
    await ask('job-1');
    sweep.setUses('image-a', ['job-1']);
    sweep.setUses('image-a', []);
    source.calls = [];
    await vi.advanceTimersByTimeAsync(5 * INTERVAL);
    expect(source.calls).toEqual([]);
    expect(sweep.size).toBe(0);
  });

  it('an answer of before counts for two intervals when AWS fails; then the users are told that nothing is certain, once, and again when it is over (faults.md 43)', async () => {
    await ask('job-1');
    sweep.setUses('image-a', ['job-1']);
    source.failure = 'Unavailable';
    await vi.advanceTimersByTimeAsync(1.5 * INTERVAL);
    expect((await ask('job-1')).revokedEntities).toEqual([]);
    expect(told).toEqual([]);
    await vi.advanceTimersByTimeAsync(2 * INTERVAL);
    await expect(ask('job-1')).rejects.toThrow(AwsError);
    expect(told).toEqual([['image-a']]);
    await vi.advanceTimersByTimeAsync(5 * INTERVAL);
    expect(told).toHaveLength(1);
    source.failure = undefined;
    await vi.advanceTimersByTimeAsync(2 * INTERVAL);
    expect(told).toEqual([['image-a'], ['image-a']]);
  });

  it('throttling changes no answer, however long it lasts; the sweep stretches and its lag is known (faults.md 46)', async () => {
    await ask('job-1');
    sweep.setUses('image-a', ['job-1']);
    source.failure = 'Throttled';
    source.calls = [];
    await vi.advanceTimersByTimeAsync(60 * INTERVAL);
    expect((await ask('job-1')).revokedEntities).toEqual([]);
    expect(told).toEqual([]);
    expect(source.calls.length).toBeLessThan(15);
    expect(sweep.lagMs()).toBeGreaterThan(50 * INTERVAL);
  });

  it('what was revoked stays revoked through an outage', async () => {
    source.revoked = ['job-1'];
    await ask('job-1');
    sweep.setUses('image-a', ['job-1']);
    source.failure = 'Unavailable';
    await vi.advanceTimersByTimeAsync(50 * INTERVAL);
    expect((await ask('job-1')).revokedEntities).toEqual(['job-1']);
    expect(told).toEqual([]);
  });

  it('a first question that fails is an error, never "good"', async () => {
    source.failure = 'Unavailable';
    await expect(ask('job-1')).rejects.toThrow(AwsError);
    source.failure = 'Throttled';
    await expect(ask('job-2')).rejects.toThrow(AwsError);
  });
});
