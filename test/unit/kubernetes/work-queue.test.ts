import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { WorkQueue, type WorkQueueOptions, type WorkResult } from '../../../src/kubernetes/work-queue.ts';

describe('WorkQueue', () => {
  const runs: string[] = [];
  const results: WorkResult[] = [];
  /** Lets each run of a key end when the test says so. */
  let gates: Map<string, PromiseWithResolvers<void>[]>;
  let queue: WorkQueue;

  beforeEach(() => {
    vi.useFakeTimers();
    runs.length = 0;
    results.length = 0;
    gates = new Map();
  });

  afterEach(async () => {
    for (const gate of [...gates.values()].flat()) {
      gate.resolve();
    }
    await queue.stop();
    vi.useRealTimers();
  });

  function create(options: Partial<WorkQueueOptions> = {}): WorkQueue {
    queue = new WorkQueue({
      concurrency: 2,
      reconcile: async (key) => {
        runs.push(key);
      },
      baseDelayMs: 1_000,
      maxDelayMs: 8_000,
      random: () => 1,
      onResult: (result) => results.push(result),
      ...options,
    });
    queue.start();
    return queue;
  }

  const gated: WorkQueueOptions['reconcile'] = (key) => {
    runs.push(key);
    const gate = Promise.withResolvers<void>();
    gates.set(key, [...(gates.get(key) ?? []), gate]);
    return gate.promise;
  };

  const settle = () => vi.advanceTimersByTimeAsync(0);
  const open = async (key: string) => {
    gates.get(key)?.at(-1)?.resolve();
    await settle();
  };

  it('runs keys in the order they came, a waiting key once', async () => {
    create({ concurrency: 1, reconcile: gated });
    queue.add('a');
    queue.add('b');
    queue.add('c');
    queue.add('b');
    expect(queue.depth).toBe(2);
    await settle();
    await open('a');
    await open('b');
    await open('c');
    expect(runs).toEqual(['a', 'b', 'c']);
  });

  it('runs nothing before start, and never within the call of add', async () => {
    queue = new WorkQueue({ concurrency: 1, reconcile: gated, baseDelayMs: 1, maxDelayMs: 1 });
    queue.add('a');
    await settle();
    expect(runs).toEqual([]);
    queue.start();
    expect(runs).toEqual([]);
    await settle();
    expect(runs).toEqual(['a']);
  });

  it('never runs a key twice at once, and once more when it was added meanwhile', async () => {
    create({ reconcile: gated });
    queue.add('a');
    await settle();
    queue.add('a');
    queue.add('a');
    await settle();
    expect(runs).toEqual(['a']);
    expect(queue).toMatchObject({ depth: 1, running: 1 });
    await open('a');
    expect(runs).toEqual(['a', 'a']);
    await open('a');
    expect(runs).toEqual(['a', 'a']);
    expect(queue).toMatchObject({ depth: 0, running: 0 });
  });

  it('keeps to its concurrency', async () => {
    create({ concurrency: 2, reconcile: gated });
    for (const key of ['a', 'b', 'c', 'd']) {
      queue.add(key);
    }
    await settle();
    expect(runs).toEqual(['a', 'b']);
    await open('b');
    expect(runs).toEqual(['a', 'b', 'c']);
  });

  it('keys of one lane hold up those of no other, and lanes take turns (faults.md 22)', async () => {
    create({ concurrency: 2, reconcile: gated, laneOf: (key) => key[0] ?? '' });
    for (const key of ['a1', 'a2', 'a3', 'a4', 'b1', 'b2', 'b3', 'c1']) queue.add(key);
    await settle();
    expect(runs.toSorted()).toEqual(['a1', 'a2', 'b1', 'b2', 'c1']);
    expect(queue).toMatchObject({ depth: 3, running: 5 });
    await open('b1');
    expect(runs.at(-1)).toBe('b3');
    await open('a2');
    expect(runs.at(-1)).toBe('a3');
    for (const key of ['a1', 'a3', 'a4', 'b2', 'b3', 'c1']) await open(key);
    expect(runs).toHaveLength(8);
    expect(queue).toMatchObject({ depth: 0, running: 0 });
  });

  it('tenants take turns: five thousand keys of one hold up none of another, in one lane', async () => {
    create({ concurrency: 1, reconcile: gated, tenantOf: (key) => key[0] ?? '' });
    for (let i = 0; i < 5_000; i += 1) queue.add(`a${i}`);
    queue.add('b0');
    queue.add('b1');
    await settle();
    for (const key of ['a0', 'a1', 'b0']) await open(key);
    expect(runs).toEqual(['a0', 'a1', 'b0', 'a2']);
  });

  it('hosts that hang take neither every place nor, in the hands of one tenant, those of the others (faults.md 22)', async () => {
    const concurrency = 2;
    // Keys are tenant/host/number: those of hosts that begin with h never end.
    create({
      concurrency,
      laneOf: (key) => key.split('/')[1] ?? '',
      tenantOf: (key) => key.split('/')[0] ?? '',
      reconcile: (key, signal) => {
        runs.push(key);
        if (!key.includes('/h')) return Promise.resolve();
        return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('stop'))));
      },
    });
    for (let host = 0; host < 500; host += 1) for (let i = 0; i < 8; i += 1) queue.add(`bad/h${host}/${i}`);
    await settle();
    const held = queue.running;
    // Half of the places are the most that one tenant takes.
    expect(held).toBe((concurrency * 32) / 2);
    queue.add('good/registry/0');
    await settle();
    expect(runs.at(-1)).toBe('good/registry/0');
    // What hangs gives its place back, within a bound; and still nobody else is held up.
    await vi.advanceTimersByTimeAsync(60_000);
    expect(queue.running).toBeGreaterThan(held);
    expect(queue.running).toBeLessThanOrEqual(concurrency * 32 * 4);
    queue.add('good/registry/1');
    await settle();
    expect(runs.at(-1)).toBe('good/registry/1');
  });

  it('more hosts that hang than there are places, of many tenants, give way to one that answers', async () => {
    create({
      concurrency: 2,
      laneOf: (key) => key.split('/')[1] ?? '',
      tenantOf: (key) => key.split('/')[0] ?? '',
      reconcile: (key, signal) => {
        runs.push(key);
        if (!key.includes('/h')) return Promise.resolve();
        return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('stop'))));
      },
    });
    for (let host = 0; host < 100; host += 1) queue.add(`tenant${host}/h${host}/0`);
    queue.add('good/registry/0');
    await settle();
    expect(runs).not.toContain('good/registry/0');
    await vi.advanceTimersByTimeAsync(6_000);
    expect(runs).toContain('good/registry/0');
    expect(runs).toHaveLength(101);
  });

  it('repeats a key whose reconcile throws with growing delays; others go on (faults.md 10)', async () => {
    let failing = true;
    create({
      reconcile: async (key) => {
        runs.push(key);
        if (key === 'bad' && failing) {
          throw new Error('a fault');
        }
      },
    });
    queue.add('bad');
    queue.add('good');
    await settle();
    expect(runs).toEqual(['bad', 'good']);
    for (const [delay, count] of [
      [1_000, 2],
      [2_000, 3],
      [4_000, 4],
      [8_000, 5],
      [8_000, 6],
    ] as const) {
      await vi.advanceTimersByTimeAsync(delay - 1);
      expect(runs.filter((key) => key === 'bad')).toHaveLength(count - 1);
      await vi.advanceTimersByTimeAsync(1);
      expect(runs.filter((key) => key === 'bad')).toHaveLength(count);
    }
    expect(results.at(-1)).toMatchObject({ key: 'bad', failures: 6, retryAfterMs: 8_000 });
    failing = false;
    await vi.advanceTimersByTimeAsync(8_000);
    expect(results.at(-1)).toMatchObject({ key: 'bad', failures: 0 });
    failing = true;
    queue.add('bad');
    await settle();
    expect(results.at(-1)).toMatchObject({ failures: 1, retryAfterMs: 1_000 });
  });

  it('spreads the delays between half and the whole', async () => {
    create({
      random: () => 0,
      reconcile: async () => {
        throw new Error('a fault');
      },
    });
    queue.add('a');
    await settle();
    expect(results[0]?.retryAfterMs).toBe(500);
  });

  it("does not try again before the error's own Retry-After (faults.md 5)", async () => {
    create({
      reconcile: async (key) => {
        runs.push(key);
        throw Object.assign(new Error('busy'), { retryAfterMs: 60_000 });
      },
    });
    queue.add('a');
    await vi.advanceTimersByTimeAsync(59_999);
    expect(runs).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(runs).toHaveLength(2);
  });

  it('drops the pending retry of a key that succeeded meanwhile', async () => {
    let failing = true;
    create({
      reconcile: async (key) => {
        runs.push(key);
        if (failing) {
          throw new Error('a fault');
        }
      },
    });
    queue.add('a');
    await settle();
    failing = false;
    queue.add('a');
    await vi.advanceTimersByTimeAsync(60_000);
    expect(runs).toEqual(['a', 'a']);
  });

  it('keeps the earliest of several times', async () => {
    create();
    queue.addAfter('a', 5_000);
    queue.addAfter('a', 1_000);
    queue.addAfter('a', 9_000);
    expect(queue.delayed).toBe(1);
    await vi.advanceTimersByTimeAsync(999);
    expect(runs).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(runs).toEqual(['a']);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(runs).toEqual(['a']);
  });

  it('keeps a wish for later through a failure and its retry', async () => {
    let failing = true;
    create({
      reconcile: async (key) => {
        runs.push(key);
        if (failing) {
          failing = false;
          throw new Error('a fault');
        }
      },
    });
    queue.addAfter('a', 3_600_000);
    queue.add('a');
    await vi.advanceTimersByTimeAsync(2_000);
    expect(runs).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(runs).toHaveLength(3);
  });

  it('runs a key again after the time that its reconcile asked for', async () => {
    create({
      reconcile: async (key) => {
        runs.push(key);
        return runs.length === 1 ? { requeueAfterMs: 10_000 } : undefined;
      },
    });
    queue.add('a');
    await vi.advanceTimersByTimeAsync(9_999);
    expect(runs).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(runs).toHaveLength(2);
  });

  it('waits for times beyond the longest timer of Node (24.8 days)', async () => {
    create();
    const days90 = 90 * 24 * 3_600_000;
    queue.addAfter('a', days90);
    await vi.advanceTimersByTimeAsync(days90 - 1);
    expect(runs).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(runs).toEqual(['a']);
  });

  it('aborts and awaits what runs when it stops, and runs nothing after', async () => {
    let aborted = false;
    create({
      concurrency: 1,
      reconcile: (key, signal) => {
        signal.addEventListener('abort', () => {
          aborted = true;
        });
        return gated(key, signal);
      },
    });
    queue.add('a');
    queue.add('b');
    queue.addAfter('c', 10);
    await settle();
    let stopped = false;
    const stopping = queue.stop().then(() => {
      stopped = true;
    });
    await settle();
    expect({ aborted, stopped }).toEqual({ aborted: true, stopped: false });
    queue.add('d');
    await open('a');
    await stopping;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(runs).toEqual(['a']);
    expect(queue).toMatchObject({ depth: 0, running: 0, delayed: 0 });
  });

  it('tells how long a key waited and ran', async () => {
    create({ concurrency: 1, reconcile: gated });
    queue.add('a');
    queue.add('b');
    await vi.advanceTimersByTimeAsync(30);
    await open('a');
    await vi.advanceTimersByTimeAsync(20);
    await open('b');
    expect(results.map(({ waitedMs, durationMs }) => [waitedMs, durationMs])).toEqual([
      [0, 30],
      [30, 20],
    ]);
  });

  it('counts the wait of a key that came while it ran from when it came', async () => {
    create({ concurrency: 1, reconcile: gated });
    queue.add('a');
    await vi.advanceTimersByTimeAsync(10);
    queue.add('a');
    await vi.advanceTimersByTimeAsync(10);
    queue.add('a');
    await vi.advanceTimersByTimeAsync(20);
    await open('a');
    await open('a');
    expect(results.map(({ waitedMs }) => waitedMs)).toEqual([0, 30]);
  });
});
