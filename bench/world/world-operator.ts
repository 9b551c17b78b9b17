import type { OperatorProcess } from '../../test/support/operator.ts';
import { waitFor } from '../../test/support/processes.ts';
import { memoryOf } from './process-memory.ts';

const POLL_MS = 200;

/** One sample of Prometheus' text form. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** The operator as a process of its own, and what can be seen of it from outside. */
export class WorldOperator {
  readonly operator: OperatorProcess;
  /** When it was spawned, by performance.now(). */
  readonly startedAt: number;

  constructor(operator: OperatorProcess, startedAt: number) {
    this.operator = operator;
    this.startedAt = startedAt;
  }

  get pid(): number {
    const { pid } = this.operator.process;
    if (pid === undefined) throw new Error('the operator did not start');
    return pid;
  }

  /** Resident now, and the most so far, MiB. */
  memory(): ReturnType<typeof memoryOf> {
    return memoryOf(this.pid);
  }

  async metrics(): Promise<readonly Sample[]> {
    const { text } = await this.operator.fetch('/metrics');
    return text.split('\n').flatMap((line) => sampleOf(line) ?? []);
  }

  /** The sum of all samples of a metric whose labels are as given. */
  async sum(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    return sumOf(await this.metrics(), name, labels);
  }

  /** Waits until so many containers have a verdict. @returns milliseconds since the operator was spawned */
  async verified(containers: number, timeoutMs = 120_000): Promise<number> {
    await waitFor(
      `${containers} containers to have a verdict`,
      async () => {
        this.operator.process.assertRunning();
        const running = (await this.metrics()).filter(({ name }) => name === 'sealwatch_running_containers');
        const judged = running.filter(({ labels }) => labels['verdict'] !== 'Pending');
        return judged.reduce((sum, { value }) => sum + value, 0) >= containers;
      },
      timeoutMs,
      POLL_MS,
    );
    return performance.now() - this.startedAt;
  }

  stop(): Promise<number | string> {
    return this.operator.stop();
  }
}

export function sumOf(samples: readonly Sample[], name: string, labels: Readonly<Record<string, string>> = {}): number {
  const wanted = Object.entries(labels);
  return samples
    .filter((sample) => sample.name === name && wanted.every(([label, value]) => sample.labels[label] === value))
    .reduce((sum, { value }) => sum + value, 0);
}

function sampleOf(line: string): Sample | undefined {
  const [, name, labels, value] = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
  if (name === undefined || value === undefined) return undefined;
  const pairs = [...(labels ?? '').matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g)];
  return { name, labels: Object.fromEntries(pairs.map(([, key, text]) => [key, text])), value: Number(value) };
}
