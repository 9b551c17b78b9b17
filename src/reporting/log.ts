import { type DestinationStream, type Logger, type LoggerOptions, pino } from 'pino';
import type { LogLevel } from '../api/log-level.ts';

/** Fields of what a line is about, spelled the same everywhere (operations.md, "Logs"). */
export interface LoggedObject {
  /** The plural, such as `pods`. */
  readonly resource: string;
  /** `namespace/name`, or the name of what has no namespace. */
  readonly object: string;
}

/** Fields of what a line about an image says. */
export interface LoggedImage {
  /** `registry/repository`. */
  readonly image: string;
  readonly digest: string;
}

/**
 * The operator's logger: a JSON object a line. Headers and secrets are taken out, should one ever be in what is logged.
 * @param destination default standard output
 */
export function createLogger(level: LogLevel, destination?: DestinationStream): Logger {
  const options: LoggerOptions = {
    name: 'sealwatch',
    level,
    redact: { paths: ['*.headers', '*.authorization', '*.password', '*.token'], remove: true },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}

/** Sets how much is logged from now on, also by what was made of the logger: pino's children look to it. */
export function setLogLevel(logger: Logger, level: LogLevel): void {
  logger.level = level;
}

/** @param key `repository@digest` */
export function imageFields(key: string): LoggedImage {
  const at = key.lastIndexOf('@');
  return { image: key.slice(0, at), digest: key.slice(at + 1) };
}
