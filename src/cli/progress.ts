import { type Output, painter } from './io.ts';

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'] as const;
const FRAME_MS = 80;
/** What is done sooner shows nothing. */
const QUIET_MS = 400;
const CLEAR_LINE = '\r\u001b[K';

/** Says on a terminal what is under way, on one line that goes away again; elsewhere it is silent. */
export class Progress {
  readonly #stream: Output;
  readonly #startedAt = performance.now();
  #timer: NodeJS.Timeout | undefined;
  #frame = 0;
  #text = '';

  constructor(stream: Output) {
    this.#stream = stream;
  }

  /** What is done now: "lists the signatures". */
  say(text: string): void {
    this.#text = text;
    if (this.#stream.isTTY !== true || this.#timer !== undefined) return;
    this.#timer = setInterval(() => this.#draw(), FRAME_MS);
    this.#timer.unref();
  }

  /** Takes the line away; call it before anything else is written. */
  done(): void {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    if (this.#frame > 0) this.#stream.write(CLEAR_LINE);
    this.#frame = 0;
  }

  #draw(): void {
    if (performance.now() - this.#startedAt < QUIET_MS) return;
    const frame = FRAMES[this.#frame % FRAMES.length] ?? '';
    this.#frame += 1;
    this.#stream.write(`${CLEAR_LINE}${painter(this.#stream)('cyan', frame)} ${this.#text}`);
  }
}
