import type { ImageVerdict } from '../api/image-verdict.ts';
import { VERDICTS_WORST_FIRST, type VerdictType } from '../api/verdict.ts';
import type { RunningContainer } from '../workloads/index.ts';

/** A container with the verdict on its image; none while it is pending. */
export interface VerdictedContainer {
  readonly container: RunningContainer;
  readonly verdict?: ImageVerdict;
}

/** What an event says, but for whom it regards. */
export interface EventText {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly action: string;
  readonly note: string;
}

const WORDS: Readonly<Record<VerdictType, string>> = {
  Trusted: 'is trusted',
  Expired: 'has an expired signature',
  Revoked: 'has a revoked signature',
  Untrusted: 'is signed, but no signature passes',
  Unsigned: 'is not signed',
  Unknown: 'could not be checked',
  Uncovered: 'is covered by no policy',
};

/**
 * What a pod's condition told of a container, by the sentence that it has of it; undefined: nothing bad. Of what a message
 * that was cut had no room for, the condition's reason stands.
 */
export function toldVerdict(
  container: VerdictedContainer['container'],
  told: { readonly reason: string; readonly message: string },
): VerdictType | undefined {
  const opening = openingOf(container);
  const at = told.message.startsWith(opening) ? 0 : told.message.indexOf(`; ${opening}`);
  if (at !== -1) {
    const rest = told.message.slice(told.message.indexOf(opening, at) + opening.length);
    return VERDICTS_WORST_FIRST.find((verdict) => rest.startsWith(WORDS[verdict]));
  }
  return told.message.endsWith('…') ? VERDICTS_WORST_FIRST.find((verdict) => verdict === told.reason) : undefined;
}

/** `container app runs REF, which has a revoked signature (policy acme/images): <cause> (last known: …)`. */
export function containerSentence({ container, verdict }: VerdictedContainer): string {
  if (verdict === undefined) return `${runs(container)}, not verified yet`;
  const cause = verdict.cause === undefined ? '' : `: ${verdict.cause.message}`;
  const known =
    verdict.lastKnown === undefined
      ? ''
      : ` (last known: ${verdict.lastKnown.verdict} at ${verdict.lastKnown.verifiedAt.toISOString().slice(0, 19)}Z)`;
  const policy = verdict.statement === undefined ? '' : ` (policy ${verdict.statement})`;
  return `${openingOf(container)}${WORDS[verdict.verdict]}${policy}${cause}${revokedSuffix(verdict)}${known}`;
}

function runs({ kind, name, reference }: VerdictedContainer['container']): string {
  return `${kind === 'container' ? 'container' : `${kind} container`} ${name} runs ${reference}`;
}

function openingOf(container: VerdictedContainer['container']): string {
  return `${runs(container)}, which `;
}

/** The event that flags a container, for its pod and its owner alike. */
export function flagEvent(flagged: VerdictedContainer): EventText {
  const verdict = flagged.verdict?.verdict ?? 'Unknown';
  return { type: 'Warning', reason: `Image${verdict}`, action: 'Verify', note: containerSentence(flagged) };
}

/** The event that takes a flag back. */
export function recoveryEvent(containers: readonly VerdictedContainer[]): EventText {
  const names = containers.map(({ container }) => `${container.name} (${container.reference})`).join(', ');
  return { type: 'Normal', reason: 'ImageTrusted', action: 'Verify', note: `all images are trusted again: ${names}` };
}

/** Names what was revoked where the cause's sentence does not. */
function revokedSuffix({ cause }: ImageVerdict): string {
  const missing = (cause?.revoked ?? []).filter((entity) => cause?.message.includes(entity) !== true);
  return missing.length === 0 ? '' : ` [${missing.join(', ')}]`;
}
