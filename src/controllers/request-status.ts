import type {
  ImageSignatureRequest,
  ImageSignatureRequestStatus,
  ImageStatus,
} from '../api/image-signature-request.ts';
import type { Cause, VerdictType } from '../api/verdict.ts';
import { sumUp } from './image-status.ts';
import { conditionsOf } from './request-conditions.ts';
import type { RequestResult } from './request-result.ts';
import { cut } from './wording.ts';

/** design.md, "Status stays small". */
const MAX_STATUS_BYTES = 256 * 1024;

/** The whole status of a request (design.md, "ImageSignatureRequest"): data, summary columns, conditions by kstatus. */
export function requestStatus(input: RequestResult): ImageSignatureRequestStatus {
  const before = input.request.status;
  const images = input.problem === undefined ? input.images.map((image) => image.status) : (before?.images ?? []);
  return bounded({
    observedGeneration: input.request.metadata.generation ?? 0,
    ...optional('lastHandledReconcileAt', input.lastHandledReconcileAt),
    ...optional('lastHandledSignAnewAt', input.lastHandledSignAnewAt),
    images,
    ownSignatures: input.own,
    summary: summaryOf(input, images),
    conditions: conditionsOf(input, images.map(sumUp)),
  });
}

function summaryOf(
  input: RequestResult,
  images: readonly ImageStatus[],
): NonNullable<ImageSignatureRequestStatus['summary']> {
  const total = input.request.spec.images.length;
  const count = (verdict: VerdictType): number => images.filter((image) => sumUp(image).verdict === verdict).length;
  const signed = input.images.filter((image) => image.signed === true).length;
  const expiries = images.flatMap((image) => {
    const inForce = image.signatures?.find((signature) => signature.verdict === 'Trusted') ?? image.signatures?.[0];
    return inForce?.expiresAt === undefined ? [] : [inForce.expiresAt];
  });
  const checks = images.flatMap((image) => (image.lastVerifiedTime === undefined ? [] : [image.lastVerifiedTime]));
  return {
    images: total,
    signed: input.signs ? `${input.problem === undefined ? signed : countBefore(input.request)}/${total}` : '-',
    verified: `${count('Trusted')}/${total}`,
    revoked: count('Revoked'),
    ...optional('expires', expiries.sort()[0]),
    ...optional('lastCheck', checks.sort().at(-1)),
  };
}

function countBefore(request: ImageSignatureRequest): number {
  return Number.parseInt(request.status?.summary?.signed ?? '0', 10) || 0;
}

/**
 * Makes the status small enough: first without the details of signatures, then with short causes, then without the
 * platforms that are trusted, each from the last image on; then without the oldest of the request's own signatures.
 */
function bounded(status: ImageSignatureRequestStatus): ImageSignatureRequestStatus {
  const images = [...(status.images ?? [])];
  const own = [...(status.ownSignatures ?? [])];
  let excess = bytesOf({ ...status, images, ownSignatures: own }) - MAX_STATUS_BYTES;
  for (const shorten of [withoutSignatures, withShortCause, withoutTrustedPlatforms]) {
    for (let i = images.length - 1; i >= 0 && excess > 0; i -= 1) {
      const image = images[i];
      if (image === undefined) continue;
      const shorter = shorten(image);
      excess -= bytesOf(image) - bytesOf(shorter);
      images[i] = shorter;
    }
  }
  while (excess > 0 && own.length > 0) excess -= bytesOf(own.shift());
  return { ...status, images, ownSignatures: own };
}

function withoutSignatures(image: ImageStatus): ImageStatus {
  const omitted = (image.omittedSignatures ?? 0) + (image.signatures?.length ?? 0);
  return { ...image, signatures: [], ...(omitted === 0 ? {} : { omittedSignatures: omitted }) };
}

function withShortCause(image: ImageStatus): ImageStatus {
  return {
    ...image,
    ...(image.cause === undefined ? {} : { cause: shortCause(image.cause) }),
    ...(image.platforms === undefined
      ? {}
      : {
          platforms: image.platforms.map((platform) =>
            platform.cause === undefined ? platform : { ...platform, cause: shortCause(platform.cause) },
          ),
        }),
  };
}

function shortCause({ revoked, ...cause }: Cause): Cause {
  return { ...cause, message: cut(cause.message, 100) };
}

function withoutTrustedPlatforms(image: ImageStatus): ImageStatus {
  if (image.platforms === undefined) return image;
  const platforms = image.platforms.filter(({ verdict }) => verdict !== 'Trusted');
  const omitted = (image.omittedPlatforms ?? 0) + image.platforms.length - platforms.length;
  return { ...image, platforms, ...(omitted === 0 ? {} : { omittedPlatforms: omitted }) };
}

function bytesOf(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}

function optional<K extends string>(key: K, value: string | undefined): { readonly [P in K]?: string } {
  return (value === undefined ? {} : { [key]: value }) as { readonly [P in K]?: string };
}
