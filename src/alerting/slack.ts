import type { VerdictAlert } from './alert.ts';
import { subjectOf } from './cloud-event.ts';

/** Slack cuts longer ones itself, in the middle of a word. */
const MAX_TEXT = 3_000;

/** An alert as the body of an incoming webhook of Slack, and of what is compatible with it. */
export function slackMessage(alert: VerdictAlert): { readonly text: string } {
  const text = sentence(alert);
  return { text: text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT - 1).toWellFormed()}…` };
}

function sentence(alert: VerdictAlert): string {
  const { state, image, digest, verdict, before, statement, cause } = alert;
  const what = `${escaped(image)}${digest === undefined || image.includes(digest) ? '' : ` (${escaped(digest)})`}`;
  const where = `*${escaped(subjectOf(alert))}*`;
  if (state === 'ended') {
    const was = before === undefined ? '' : ` (it was ${before})`;
    return verdict === undefined
      ? `${where} no longer runs ${what}${was}`
      : `${where} runs ${what}, now *${verdict}*${was}`;
  }
  const was = before === undefined ? '' : `, before ${before}`;
  const policy = statement === undefined ? '' : ` (policy ${escaped(statement)})`;
  const why = cause === undefined ? '' : `: ${escaped(cause.message)}`;
  return `${where} runs ${what}, which is *${verdict}*${was}${policy}${why}`;
}

/** The three characters that Slack reads as markup: a tenant's text must mention nobody, and link nowhere. */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
