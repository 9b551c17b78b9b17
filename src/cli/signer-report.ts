import type { ListedProfile } from '../aws/index.ts';
import { type Io, painter } from './io.ts';
import type { Preview } from './signer-preview.ts';
import { printed } from './words.ts';

/** Lines for a person; the rest is counted. */
const MAX_LINES = 50;

/** A table of profiles. */
export function profilesText(profiles: readonly ListedProfile[]): string {
  if (profiles.length === 0) return 'no signing profiles for container images\n';
  const rows = [
    ['NAME', 'VERSION', 'STATUS', 'VALIDITY', 'ARN'],
    ...profiles.map(({ name, version, status, validity, arn }) => [
      name,
      version,
      status,
      validity === undefined ? '' : `${validity.value} ${validity.type.toLowerCase()}`,
      arn,
    ]),
  ].map((row) => row.map(printed));
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows
    .map((row) => `${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ')}`.trimEnd())
    .join('\n')
    .concat('\n');
}

/** What a revocation hits: requests, containers and policies of a cluster. */
export function previewText(preview: Preview | null, verb: string, io: Io): string {
  if (preview === null) return '';
  const { cluster, signatures, containers, policies, omittedSignatures } = preview;
  const paint = painter(io.stdout);
  const section = (head: string, lines: readonly string[]): string => {
    const shown = lines.slice(0, MAX_LINES).map((line) => `    ${printed(line)}\n`);
    const more = lines.length > MAX_LINES ? `    and ${lines.length - MAX_LINES} more\n` : '';
    return `  ${paint('bold', head)}\n${shown.join('')}${more}`;
  };
  return [
    `In ${printed(cluster)} it ${verb}:\n`,
    section(
      `${signatures.length} signatures that requests record`,
      signatures.map(
        ({ request, image, digest, signedAt }) =>
          `${request}: ${image} (${digest.slice(0, 19)}), signed ${signedAt ?? 'at a time that is not known'}`,
      ),
    ),
    section(
      `${containers.length} running containers`,
      containers.map(({ pod, container, image }) => `${pod} ${container}: ${image}`),
    ),
    ...(policies.length === 0
      ? []
      : [
          section(
            `${policies.length} TrustPolicies that trust the profile`,
            policies.map(({ name, images, pods }) => `${name}: ${images} images and ${pods} pods in its scopes`),
          ),
        ]),
    ...(omittedSignatures === 0 ? [] : [`  ${omittedSignatures} signatures are left out of the statuses\n`]),
    '  What no request names, and only pods run, is not counted.\n',
  ].join('');
}
