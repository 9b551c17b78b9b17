/** A shorter password would be cut out of words. What goes over the wire, encoded, is cut out whatever its length. */
const MIN_LENGTH = 6;
const FORM = 'application/x-www-form-urlencoded';

/**
 * What of a request's headers and body nobody may read: an Authorization header's credentials, encoded and plain, and
 * the identity token of a form.
 */
export function secretsSent(headers: Readonly<Record<string, string>>, body?: Uint8Array): readonly string[] {
  const secrets: string[] = [];
  const [scheme = '', sent = ''] = (headers['authorization'] ?? '').split(' ');
  if (sent !== '') secrets.push(sent);
  if (scheme === 'Basic') {
    const plain = Buffer.from(sent, 'base64').toString('utf8');
    secrets.push(plain.slice(plain.indexOf(':') + 1));
  }
  if (body !== undefined && headers['content-type'] === FORM) {
    const token = new URLSearchParams(Buffer.from(body).toString('utf8')).get('refresh_token');
    if (token !== null) secrets.push(token);
  }
  const forms = secrets.flatMap((secret) => [secret, encodeURIComponent(secret)]);
  // The longest first: one may be part of another.
  return [...new Set(forms)].filter((form) => form === sent || form.length >= MIN_LENGTH).sort(byLength);
}

/** A foreign host's text without what it was sent: some echo a request in their errors. */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  return secrets.reduce((left, secret) => left.replaceAll(secret, '[secret]'), text);
}

function byLength(a: string, b: string): number {
  return b.length - a.length;
}
