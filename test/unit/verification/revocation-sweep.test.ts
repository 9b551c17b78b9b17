import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { AwsError } from '../../../src/aws/index.ts';
import { RevocationSweep } from '../../../src/verification/index.ts';

const INTERVAL_MS = 60_000;
const NEVER = new AbortController().signal;
type StatusRequest = Parameters<RevocationSweep['getRevocationStatus']>[0];
type Answer = 'good' | 'revoked' | 'throttled' | 'down';

function job(n: number): string {
  return `arn:aws:signer:us-west-2:123456789012:/signing-jobs/${n}`;
}

function request(n: number, more: Partial<StatusRequest> = {}): StatusRequest {
  return {
    jobArn: job(n),
    profileVersionArn: 'arn:aws:signer:us-west-2:123456789012:/signing-profiles/p/v1',
    certificates: [],
    signatureTimestamp: new Date('2026-01-01T00:00:00Z'),
    ...more,
  };
}

/** A Signer whose answers the test chooses; the time of every call is kept. */
class World {
  answer: Answer = 'good';
  /** Answers of single jobs, before `answer`. */
  readonly answers = new Map<string, Answer>();
  /** Answers wait until this is called. */
  hold: Promise<void> | undefined;
  readonly calls: { readonly jobArn: string; readonly at: number }[] = [];
  readonly told: string[][] = [];
  readonly lookups: boolean[] = [];
  readonly sweep: RevocationSweep;

  constructor(concurrency = 4) {
    this.sweep = new RevocationSweep({
      source: { getRevocationStatus: (asked) => this.#status(asked) },
      clock: () => new Date(),
      intervalMs: INTERVAL_MS,
      concurrency,
      onChange: (users) => this.told.push([...users]),
      onLookup: (isHit) => this.lookups.push(isHit),
    });
  }

  /** As a verification does: asks, then says what it depends on. */
  async use(user: string, n: number): Promise<string> {
    const status = await this.ask(n);
    this.sweep.setUses(user, [job(n)]);
    return status;
  }

  async ask(n: number): Promise<string> {
    try {
      const { revokedEntities } = await this.sweep.getRevocationStatus(request(n), NEVER);
      return revokedEntities.length > 0 ? 'revoked' : 'good';
    } catch (error) {
      return error instanceof AwsError ? error.code : String(error);
    }
  }

  callsOf(n: number): number {
    return this.calls.filter(({ jobArn }) => jobArn === job(n)).length;
  }

  async #status({ jobArn }: StatusRequest): Promise<{ revokedEntities: string[] }> {
    this.calls.push({ jobArn, at: Date.now() });
    await this.hold;
    switch (this.answers.get(jobArn) ?? this.answer) {
      case 'good':
        return { revokedEntities: [] };
      case 'revoked':
        return { revokedEntities: [jobArn] };
      case 'throttled':
        throw new AwsError('Throttled', 'slow down');
      case 'down':
        throw new AwsError('Unavailable', 'down');
    }
  }
}

let world: World;
beforeEach(() => {
  vi.useFakeTimers({ now: new Date('2026-02-01T00:00:00Z') });
  world = new World();
});
afterEach(async () => {
  await world.sweep.stop();
  vi.useRealTimers();
});

const intervals = (n: number): Promise<unknown> => vi.advanceTimersByTimeAsync(n * INTERVAL_MS);

describe('RevocationSweep', () => {
  it('asks once for each unique signature in an interval, however many images and verifications use it', async () => {
    for (let user = 0; user < 50; user += 1) await world.use(`image-${user}`, 1);
    expect(world.callsOf(1)).toBe(1);
    await intervals(10);
    for (let user = 0; user < 50; user += 1) await world.ask(1);
    // The first in the second half of an interval, the others between nine tenths and the whole of one.
    expect(world.callsOf(1)).toBeGreaterThanOrEqual(11);
    expect(world.callsOf(1)).toBeLessThanOrEqual(13);
    expect(world.told).toEqual([]);
  });

  it('a clock that is set back by an hour keeps no old answer in force', async () => {
    await world.use('image', 1);
    vi.setSystemTime(Date.now() - 3_600_000);
    world.answer = 'revoked';
    expect(await world.ask(1)).toBe('revoked');
  });

  it('a clock that is set back by an hour holds up no check of the sweep', async () => {
    await world.use('image', 1);
    await intervals(1);
    vi.setSystemTime(Date.now() - 3_600_000);
    world.answer = 'revoked';
    await intervals(2);
    expect(world.told).toEqual([['image']]);
  });

  it('one flight: a hundred that ask at once are one call', async () => {
    let release = (): void => {};
    world.hold = new Promise<void>((resolve) => {
      release = resolve;
    });
    const asked = Array.from({ length: 100 }, () => world.ask(1));
    release();
    expect(new Set(await Promise.all(asked))).toEqual(new Set(['good']));
    expect(world.calls).toHaveLength(1);
  });

  it('signatures first seen together are not asked for together ever after', async () => {
    for (let n = 0; n < 100; n += 1) await world.use(`image-${n}`, n);
    world.calls.length = 0;
    await intervals(3);
    const tenths = new Map<number, number>();
    for (const { at } of world.calls) {
      const tenth = Math.floor(at / (INTERVAL_MS / 10));
      tenths.set(tenth, (tenths.get(tenth) ?? 0) + 1);
    }
    expect(Math.max(...tenths.values())).toBeLessThan(60);
    expect(world.calls.length).toBeGreaterThanOrEqual(300);
  });

  it('a revocation is told once, to every user, within the interval (faults.md 45)', async () => {
    await world.use('a', 1);
    await world.use('b', 1);
    await world.use('c', 2);
    world.answers.set(job(1), 'revoked');
    await intervals(1);
    expect(world.told).toEqual([['a', 'b']]);
    expect(await world.ask(1)).toBe('revoked');
    await intervals(5);
    expect(world.told).toHaveLength(1);
  });

  it('a revocation that one verification came upon is told to the other users', async () => {
    await world.use('a', 1);
    await world.use('b', 1);
    await world.use('c', 2);
    // Another signature is throttled: the sweep stretches, and job 1 comes due later than an interval.
    world.answers.set(job(2), 'throttled');
    world.answers.set(job(1), 'throttled');
    await intervals(8);
    world.answers.set(job(2), 'good');
    world.answers.set(job(1), 'revoked');
    vi.setSystemTime(Date.now() + 100 * INTERVAL_MS);
    expect(await world.ask(1)).toBe('revoked');
    expect(world.told).toEqual([['a', 'b']]);
  });

  it('a user that comes while the answer changes is told, once: it may have been given the old one (faults.md 45)', async () => {
    await world.use('a', 1);
    expect(await world.ask(1)).toBe('good');
    world.answer = 'revoked';
    await vi.advanceTimersByTimeAsync(INTERVAL_MS);
    expect(world.told).toEqual([['a']]);
    // What was asked above is only now said to matter.
    world.sweep.setUses('b', [job(1)]);
    world.sweep.setUses('b', [job(1)]);
    expect(world.told).toEqual([['a'], ['b']]);
    await vi.advanceTimersByTimeAsync(10 * INTERVAL_MS);
    world.sweep.setUses('c', [job(1)]);
    expect(world.told).toEqual([['a'], ['b']]);
  });

  it('throttled: any old answer stands, nobody is told, and the sweep stretches (faults.md 46)', async () => {
    await world.use('a', 1);
    world.answer = 'throttled';
    await intervals(60);
    expect(await world.ask(1)).toBe('good');
    expect(world.told).toEqual([]);
    const during = world.callsOf(1);
    expect(during).toBeLessThan(20);
    expect(world.sweep.lagMs()).toBeGreaterThan(50 * INTERVAL_MS);
    world.answer = 'good';
    await intervals(40);
    expect(world.sweep.lagMs()).toBeLessThan(INTERVAL_MS);
    expect(world.told).toEqual([]);
  });

  it('where Signer answers some and throttles the rest, the sweep stays stretched', async () => {
    for (let n = 0; n < 40; n += 1) await world.use(`image-${n}`, n);
    // Two of three are throttled for good.
    for (let n = 0; n < 40; n += 1) if (n % 3 !== 0) world.answers.set(job(n), 'throttled');
    await intervals(20);
    world.calls.length = 0;
    await intervals(50);
    expect(world.calls.length).toBeLessThan(40 * 50 * 0.3);
  });

  it('down: the last answer up to two intervals old, then an error, told once; told again when it is over (faults.md 43)', async () => {
    await world.use('a', 1);
    world.answer = 'down';
    await intervals(1.5);
    expect(await world.ask(1)).toBe('good');
    expect(world.told).toEqual([]);
    await intervals(2);
    expect(await world.ask(1)).toBe('Unavailable');
    expect(world.told).toEqual([['a']]);
    await intervals(5);
    expect(world.told).toHaveLength(1);
    world.answer = 'good';
    await intervals(1.1);
    expect(world.told).toEqual([['a'], ['a']]);
    expect(await world.ask(1)).toBe('good');
    await intervals(5);
    expect(world.told).toHaveLength(2);
  });

  it('a signature that was never answered is an error, throttled or down, and told when it is answered', async () => {
    world.answer = 'throttled';
    expect(await world.use('a', 1)).toBe('Throttled');
    world.answer = 'good';
    await intervals(1.1);
    expect(world.told).toEqual([['a']]);
    expect(await world.ask(1)).toBe('good');
  });

  it('revoked stays revoked through an outage, however long', async () => {
    world.answer = 'revoked';
    await world.use('a', 1);
    world.answer = 'down';
    await intervals(50);
    expect(await world.ask(1)).toBe('revoked');
    expect(world.told).toEqual([]);
  });

  it('a signature that nothing uses any more is not asked for', async () => {
    await world.use('a', 1);
    await world.use('b', 1);
    world.sweep.setUses('a', []);
    const before = world.callsOf(1);
    await intervals(2);
    expect(world.callsOf(1)).toBeGreaterThan(before);
    world.sweep.setUses('b', [job(2)]);
    expect(world.sweep.size).toBe(0);
    const after = world.calls.length;
    await intervals(5);
    expect(world.calls).toHaveLength(after);
  });

  it('an entry that no user ever claimed does not stay for ever', async () => {
    await world.ask(1);
    await intervals(11);
    await world.use('a', 2);
    expect(world.sweep.size).toBe(1);
  });

  it('other certificates, time or version under the same job are another question: the old answer does not stand', async () => {
    await world.use('a', 1);
    world.answer = 'revoked';
    const other = request(1, { signatureTimestamp: new Date('2026-01-01T00:00:01Z') });
    expect((await world.sweep.getRevocationStatus(other, NEVER)).revokedEntities).toEqual([job(1)]);
  });

  it('no more calls are under way at once than allowed, and none is forgotten', async () => {
    await world.sweep.stop();
    world = new World(2);
    for (let n = 0; n < 10; n += 1) await world.use(`image-${n}`, n);
    world.calls.length = 0;
    let release = (): void => {};
    world.hold = new Promise<void>((resolve) => {
      release = resolve;
    });
    await intervals(3);
    expect(world.calls).toHaveLength(2);
    world.hold = undefined;
    release();
    await intervals(1);
    expect(new Set(world.calls.map(({ jobArn }) => jobArn)).size).toBe(10);
  });

  it('stop ends it: no timer asks again, and who asks is refused', async () => {
    await world.use('a', 1);
    await world.sweep.stop();
    await intervals(5);
    expect(world.calls).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('a caller that is gone gets no answer', async () => {
    await expect(world.sweep.getRevocationStatus(request(1), AbortSignal.abort(new Error('gone')))).rejects.toThrow(
      'gone',
    );
    expect(world.calls).toEqual([]);
  });
});

it('what verifications look for is told, and whether a fresh answer was there', async () => {
  await world.use('image', 1);
  await world.ask(1);
  await vi.advanceTimersByTimeAsync(INTERVAL_MS / 2);
  await world.ask(2);
  expect(world.lookups).toEqual([false, true, false]);
});
