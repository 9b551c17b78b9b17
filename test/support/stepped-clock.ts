import { readFileSync } from 'node:fs';

/**
 * Loaded before a program (NODE_OPTIONS=--import), it steps the wall clock that the program reads by as many
 * milliseconds as the file STEPPED_CLOCK_FILE says at that moment. The monotonic clock stays what it is, as when a person
 * or NTP sets the clock of a machine.
 */
const file = process.env['STEPPED_CLOCK_FILE'] ?? '';
const RealDate = Date;

function stepMs(): number {
  return Number(readFileSync(file, 'utf8'));
}

class SteppedDate extends RealDate {
  constructor(...given: [] | [number | string | Date]) {
    // Date's other forms, of several numbers, are passed on as they come.
    if (given.length === 0) super(RealDate.now() + stepMs());
    else super(...given);
  }

  static override now(): number {
    return RealDate.now() + stepMs();
  }
}

globalThis.Date = SteppedDate as DateConstructor;
