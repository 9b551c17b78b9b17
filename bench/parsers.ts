import fc from 'fast-check';
import { NotaryError } from '../src/notary/index.ts';
import { createParsers, type ParserUnderTest } from '../test/support/parser-inputs.ts';
import type { Bench, Figure } from './frame.ts';

/** An input of a few kilobytes that takes longer is one that an attacker would look for. */
const MAX_MS = 1000;
const BATCH = 1000;

interface Findings {
  seconds: number;
  slowestMs: number;
  accepted: number;
  readonly refused: Map<string, number>;
  readonly unexpected: string[];
}

/** Feeds every parser of foreign bytes random and structure-aware inputs: none may throw anything but NotaryError. */
export const parsers: Bench = {
  name: 'parsers',
  about: 'random and structure-aware inputs for every parser of foreign bytes',
  run: async ({ inputs, say }) => {
    const seed = Date.now() % 2 ** 31;
    say(`${inputs} inputs each, seed ${seed}`);
    const figures: Figure[] = [];
    let unexpected = 0;
    for (const parser of await createParsers()) {
      const findings = feed(parser, inputs, seed);
      const refused = [...findings.refused].map(([code, count]) => `${code} ${count}`).join(', ');
      say(`${parser.name}: ${findings.seconds.toFixed(1)} s, accepted ${findings.accepted}, refused ${refused}`);
      for (const found of findings.unexpected.slice(0, 20)) say(`${parser.name}: ${found}`);
      unexpected += findings.unexpected.length;
      figures.push({
        metric: `parser ${parser.name}, slowest input`,
        unit: 'ms',
        values: [findings.slowestMs],
        target: MAX_MS,
      });
    }
    return [...figures, { metric: 'inputs that parsers took badly', unit: 'inputs', values: [unexpected], target: 0 }];
  },
};

function feed({ parse, inputs }: ParserUnderTest, count: number, seed: number): Findings {
  const findings: Findings = { seconds: 0, slowestMs: 0, accepted: 0, refused: new Map(), unexpected: [] };
  for (let done = 0; done < count; done += BATCH) {
    // In batches, so that the inputs need no more memory than a batch.
    for (const input of fc.sample(inputs, { numRuns: Math.min(BATCH, count - done), seed: seed + done })) {
      const { ms: first, error } = timed(parse, input);
      findings.seconds += first / 1000;
      if (error === undefined) findings.accepted += 1;
      else if (error instanceof NotaryError) {
        findings.refused.set(error.code, (findings.refused.get(error.code) ?? 0) + 1);
      } else findings.unexpected.push(`${String(error)} on ${input.toString('base64')}`);
      // The machine may have been busy otherwise: what is slow is slow again.
      const ms = first > findings.slowestMs ? Math.min(first, timed(parse, input).ms) : first;
      findings.slowestMs = Math.max(findings.slowestMs, ms);
      if (ms > MAX_MS) findings.unexpected.push(`${ms.toFixed(0)} ms on ${input.toString('base64')}`);
    }
  }
  return findings;
}

function timed(parse: ParserUnderTest['parse'], input: Buffer): { readonly ms: number; readonly error?: unknown } {
  const begin = performance.now();
  try {
    parse(input);
  } catch (error) {
    return { ms: performance.now() - begin, error };
  }
  return { ms: performance.now() - begin };
}
