import { existsSync, rmSync } from 'node:fs';

/**
 * Loaded before a program (NODE_OPTIONS=--import), it stops the process, as SIGSTOP from outside would, while the
 * program runs: once the file STOP_WITHIN_FILE is there, at the next call that every request makes on its way out. A
 * signal from outside mostly meets a process that waits, and then its timers are the first to run when it wakes; this
 * one wakes in the middle of a write.
 */
const file = process.env['STOP_WITHIN_FILE'] ?? '';
const { addEventListener } = EventTarget.prototype;

EventTarget.prototype.addEventListener = function (this: EventTarget, ...given: Parameters<typeof addEventListener>) {
  if (existsSync(file)) {
    rmSync(file);
    process.kill(process.pid, 'SIGSTOP');
  }
  addEventListener.apply(this, given);
};
