import { GROUP } from '../api/group.ts';

/** core/v1 ObjectReference, as far as events need it. */
export interface ObjectReference {
  readonly apiVersion: string;
  readonly kind: string;
  /** Absent for a cluster-scoped object. */
  readonly namespace?: string;
  readonly name: string;
  readonly uid: string;
}

/** One occurrence to record. */
export interface EventInput {
  readonly regarding: ObjectReference;
  readonly related?: ObjectReference;
  readonly type: 'Normal' | 'Warning';
  /** CamelCase: why. */
  readonly reason: string;
  /** CamelCase: what was done. */
  readonly action: string;
  /** A sentence for a person; cut to 1,024 bytes of UTF-8. */
  readonly note: string;
}

const REPORTING_CONTROLLER = `${GROUP}/operator`;
/** Bounds of events.k8s.io/v1's validation. */
const MAX_NOTE_BYTES = 1024;
const MAX_LABEL_CHARACTERS = 128;
const MAX_NAME_CHARACTERS = 253;

/** Makes names unique within one process at one millisecond. */
let serial = 0;

/** What makes two occurrences the same event. */
export function seriesKey(input: EventInput): string {
  const { regarding, related, type, reason, action, note } = input;
  return JSON.stringify([regarding.kind, regarding.uid, regarding.name, related?.uid, type, reason, action, note]);
}

/** A repeated event, as events.k8s.io/v1 tells it. */
export function seriesOf(count: number, lastObserved: Date) {
  return { count, lastObservedTime: toMicroTime(lastObserved) };
}

/**
 * Builds the Event object. It stands in the namespace of what it regards, in `default` for a cluster-scoped object,
 * as the API server demands.
 */
export function eventBody(input: EventInput, instance: string, at: Date) {
  serial = (serial + 1) % 0x10000;
  const suffix = `.${at.getTime().toString(16)}${serial.toString(16).padStart(4, '0')}`;
  const stem = input.regarding.name.slice(0, MAX_NAME_CHARACTERS - suffix.length).replace(/[^a-z0-9]+$/, '');
  return {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: { name: `${stem}${suffix}`, namespace: input.regarding.namespace ?? 'default' },
    eventTime: toMicroTime(at),
    reportingController: REPORTING_CONTROLLER,
    reportingInstance: instance.slice(0, MAX_LABEL_CHARACTERS),
    type: input.type,
    reason: input.reason.slice(0, MAX_LABEL_CHARACTERS),
    action: input.action.slice(0, MAX_LABEL_CHARACTERS),
    note: cutToBytes(input.note, MAX_NOTE_BYTES),
    regarding: input.regarding,
    ...(input.related === undefined ? {} : { related: input.related }),
  };
}

/** metav1.MicroTime. */
export function toMicroTime(date: Date): string {
  return date.toISOString().replace('Z', '000Z');
}

/** Cuts a text to so many bytes of UTF-8, never within a character, and shows that it was cut. */
export function cutToBytes(text: string, maxBytes: number): string {
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length <= maxBytes) {
    return text;
  }
  const mark = '…';
  let end = maxBytes - Buffer.byteLength(mark);
  // 10xxxxxx continues a character.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) {
    end -= 1;
  }
  return bytes.subarray(0, end).toString('utf8') + mark;
}
