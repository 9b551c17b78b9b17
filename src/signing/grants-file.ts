import { readFile } from 'node:fs/promises';
import type { Logger } from 'pino';
import { NO_GRANTS, type SigningGrants } from './grants.ts';
import { type ConfigFile, parseConfigFile } from './parse-grants.ts';

const POLL_MS = 2_000;

/** The grants file, read again when it changes; a bad new one leaves the last good grants in force. */
export class GrantsFile {
  readonly #path: string | undefined;
  #text: string | undefined;
  #config: ConfigFile = { grants: NO_GRANTS, ecrRoles: new Map() };
  #timer: NodeJS.Timeout | undefined;

  /** @param path absent: nothing is granted */
  constructor(path: string | undefined) {
    this.#path = path;
  }

  current(): SigningGrants {
    return this.#config.grants;
  }

  /** The role by which the operator uses an account's registries of Amazon ECR; undefined: its own identity. */
  ecrRole(account: string): string | undefined {
    return this.#config.ecrRoles.get(account);
  }

  /** Reads the file now. @throws GrantsError, or the file system's error */
  async load(): Promise<void> {
    if (this.#path === undefined) return;
    const text = await readFile(this.#path, 'utf8');
    this.#config = parseConfigFile(text);
    this.#text = text;
  }

  /** Looks at the file every 2 s: a mounted ConfigMap is swapped as a whole, which watching the file would miss. */
  start(onChange: () => void, logger: Logger): void {
    if (this.#path === undefined) return;
    this.#timer = setInterval(() => {
      this.#reload(onChange, logger).catch((error: unknown) => {
        logger.error(
          { err: error, file: this.#path },
          'the signing grants could not be read again; the last good ones stay in force',
        );
      });
    }, POLL_MS);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #reload(onChange: () => void, logger: Logger): Promise<void> {
    const text = await readFile(this.#path ?? '', 'utf8');
    if (text === this.#text) return;
    this.#text = text;
    this.#config = parseConfigFile(text);
    logger.info({ file: this.#path }, 'the signing grants were read again');
    onChange();
  }
}
