import { readFile } from 'node:fs/promises';
import type { Logger } from 'pino';

const POLL_MS = 2_000;

export interface WatchedFileOptions<T> {
  /** Absent: the value is the fallback, for ever. */
  readonly path: string | undefined;
  readonly fallback: T;
  /** @throws Error that says what is wrong with the text */
  readonly parse: (text: string) => T;
  /** For the log, such as "the configuration". */
  readonly what: string;
}

/** What a file holds, read again when it changes; a bad new one leaves the last good one in force. */
export class WatchedFile<T> {
  readonly #options: WatchedFileOptions<T>;
  #text: string | undefined;
  #value: T;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: WatchedFileOptions<T>) {
    this.#options = options;
    this.#value = options.fallback;
  }

  current(): T {
    return this.#value;
  }

  /** Reads the file now. @throws Error that names the file; the file system's error */
  async load(): Promise<void> {
    const { path, parse, what } = this.#options;
    if (path === undefined) return;
    const text = await readFile(path, 'utf8');
    try {
      this.#value = parse(text);
    } catch (error) {
      throw new Error(`${what}, ${path}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
    this.#text = text;
  }

  /** Looks at the file every 2 s: a mounted ConfigMap is swapped as a whole, which watching the file would miss. */
  start(onChange: (now: T, before: T) => void, logger: Logger): void {
    const { path, what } = this.#options;
    if (path === undefined) return;
    this.#timer = setInterval(() => {
      this.#reload(path, onChange, logger).catch((error: unknown) => {
        logger.error({ err: error, file: path }, `${what} could not be read again; the last good one stays in force`);
      });
    }, POLL_MS);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #reload(path: string, onChange: (now: T, before: T) => void, logger: Logger): Promise<void> {
    const text = await readFile(path, 'utf8');
    if (text === this.#text) return;
    this.#text = text;
    const before = this.#value;
    this.#value = this.#options.parse(text);
    logger.info({ file: path }, `${this.#options.what} was read again`);
    onChange(this.#value, before);
  }
}
