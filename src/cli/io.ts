import { styleText } from 'node:util';

/** A stream that text is written to: a terminal, a pipe or a file. */
export type Output = NodeJS.WritableStream & { readonly isTTY?: boolean };

/** What a command touches of the process it runs in. */
export interface Io {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly stdin: AsyncIterable<Uint8Array>;
  readonly env: NodeJS.ProcessEnv;
  readonly clock: () => Date;
  /** Aborted when a person interrupts. */
  readonly signal: AbortSignal;
}

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';
/** Paints text for a stream. */
export type Paint = (style: Style, text: string) => string;

/** Colours where the stream is a terminal that has them; NO_COLOR and FORCE_COLOR are honoured. */
export function painter(stream: Output): Paint {
  return (style, text) => styleText(style, text, { stream });
}

/** Writes a line for a person who waits or must know; never part of the answer, which is on stdout. */
export function warn(io: Io, message: string): void {
  io.stderr.write(`${painter(io.stderr)('yellow', 'warning')}: ${message}\n`);
}

/** Writes an answer for programs. */
export function writeJson(io: Io, value: unknown): void {
  io.stdout.write(`${JSON.stringify(value, undefined, 2)}\n`);
}
