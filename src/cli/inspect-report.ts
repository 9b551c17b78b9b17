import type { X509Certificate } from 'node:crypto';
import { type Descriptor, distinguishedNameOf, type Envelope, formatRfc3339, PAYLOAD_TYPE } from '../notary/index.ts';
import type { Paint } from './io.ts';
import { timestampOf } from './timestamp-words.ts';
import type { TreeNode } from './tree.ts';
import { printed } from './words.ts';

/** A signature as it was read, or why it could not be. */
export type InspectedSignature =
  | { readonly signature: Descriptor; readonly mediaType: string; readonly envelope: Envelope }
  | { readonly signature: Descriptor; readonly problem: string; readonly unreachable: boolean };

/** One signature for programs. */
export function inspectJson(inspected: InspectedSignature): object {
  const { digest } = inspected.signature;
  if ('problem' in inspected) return { digest, error: inspected.problem };
  const { envelope, mediaType } = inspected;
  return {
    digest,
    mediaType,
    signatureAlgorithm: algorithmName(envelope.algorithm),
    signedAttributes: Object.fromEntries(signedAttributes(envelope)),
    userDefinedAttributes: envelope.subject.annotations ?? {},
    unsignedAttributes: {
      ...(envelope.signingAgent === undefined ? {} : { signingAgent: envelope.signingAgent }),
      ...(envelope.timestampToken === undefined ? {} : { timestamp: timestampOf(envelope.timestampToken) }),
    },
    certificates: envelope.certificates.map((certificate) => ({
      sha256Fingerprint: fingerprint(certificate),
      issuedTo: distinguishedNameOf(certificate),
      issuedBy: distinguishedNameOf(certificate, 'issuer'),
      notBefore: formatRfc3339(certificate.validFromDate),
      expiry: formatRfc3339(certificate.validToDate),
    })),
    signedArtifact: artifactOf(envelope),
  };
}

/** One signature for people. @param now decides what is marked as expired */
export function inspectNode(inspected: InspectedSignature, now: Date, paint: Paint): TreeNode {
  const { digest } = inspected.signature;
  if ('problem' in inspected)
    return { label: digest, children: [{ label: `${paint('red', 'cannot be read')}: ${inspected.problem}` }] };
  const { envelope, mediaType } = inspected;
  const artifact = artifactOf(envelope);
  const annotations = Object.entries(envelope.subject.annotations ?? {});
  const unsigned = unsignedAttributes(envelope);
  const group = (label: string, rows: readonly (readonly [string, string])[]): TreeNode => ({
    label: paint('bold', label),
    children: rows.map(([name, value]) => row(name, value, paint)),
  });
  return {
    label: digest,
    children: [
      row('media type', mediaType, paint),
      row('signature algorithm', algorithmName(envelope.algorithm), paint),
      group(
        'signed attributes',
        signedAttributes(envelope).map(([name, value]) => [
          name,
          name === 'expiry' ? marked(value, envelope.expiry, now, paint) : value,
        ]),
      ),
      ...(annotations.length === 0
        ? []
        : [
            group(
              'user defined attributes',
              annotations.map(([key, value]) => [printed(key), printed(value)]),
            ),
          ]),
      ...(unsigned.length === 0 ? [] : [group('unsigned attributes', unsigned)]),
      {
        label: paint('bold', 'certificates'),
        children: envelope.certificates.map((certificate) => ({
          label: `${paint('dim', 'SHA256 fingerprint:')} ${fingerprint(certificate)}`,
          children: [
            row('issued to', distinguishedNameOf(certificate), paint),
            row('issued by', distinguishedNameOf(certificate, 'issuer'), paint),
            row('expiry', marked(formatRfc3339(certificate.validToDate), certificate.validToDate, now, paint), paint),
          ],
        })),
      },
      group('signed artifact', [
        ['media type', printed(artifact.mediaType)],
        ['digest', artifact.digest],
        ['size', String(artifact.size)],
      ]),
    ],
  };
}

function row(name: string, value: string, paint: Paint): TreeNode {
  return { label: `${paint('dim', `${name}:`)} ${value}` };
}

function marked(text: string, end: Date | undefined, now: Date, paint: Paint): string {
  return end !== undefined && end <= now ? `${text} ${paint('red', '(expired)')}` : text;
}

function signedAttributes(envelope: Envelope): [string, string][] {
  const { signingTime, authenticSigningTime, expiry, verificationPlugin, verificationPluginMinVersion } = envelope;
  const times: [string, Date | undefined][] = [
    ['signingTime', signingTime],
    ['authenticSigningTime', authenticSigningTime],
    ['expiry', expiry],
  ];
  const texts: [string, string | undefined][] = [
    ['verificationPlugin', verificationPlugin],
    ['verificationPluginMinVersion', verificationPluginMinVersion],
  ];
  return [
    ['contentType', PAYLOAD_TYPE],
    ['signingScheme', envelope.scheme],
    ...times.flatMap(([name, time]): [string, string][] => (time === undefined ? [] : [[name, formatRfc3339(time)]])),
    ...texts.flatMap(([name, text]): [string, string][] => (text === undefined ? [] : [[name, printed(text)]])),
    ...[...envelope.extendedCriticalAttributes].map(([name, value]): [string, string] => [
      printed(String(name)),
      printed(typeof value === 'string' ? value : (JSON.stringify(value) ?? '')),
    ]),
  ];
}

function unsignedAttributes({ signingAgent, timestampToken }: Envelope): [string, string][] {
  const rows: [string, string][] = [];
  if (signingAgent !== undefined) rows.push(['signingAgent', printed(signingAgent)]);
  if (timestampToken !== undefined) {
    const { time, authority, problem } = timestampOf(timestampToken);
    const words = problem ?? `${time}${authority === undefined ? '' : `, by ${authority}`}`;
    rows.push(['timestamp', words]);
  }
  return rows;
}

function artifactOf({ subject: { mediaType, digest, size } }: Envelope): Descriptor {
  return { mediaType, digest, size };
}

/** As the specification of signatures names them. */
function algorithmName(algorithm: string): string {
  const match = /^(PS|ES)(256|384|512)$/.exec(algorithm);
  if (match === null) return printed(algorithm);
  return `${match[1] === 'PS' ? 'RSASSA-PSS' : 'ECDSA'}-SHA-${match[2]}`;
}

function fingerprint(certificate: X509Certificate): string {
  return certificate.fingerprint256.replaceAll(':', '').toLowerCase();
}
