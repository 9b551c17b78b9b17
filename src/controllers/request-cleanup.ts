import { ANNOTATIONS } from '../api/group.ts';
import type { ImageSignatureRequest, OwnSignature } from '../api/image-signature-request.ts';
import { AwsError, parseSigningProfileArn } from '../aws/index.ts';
import { deleteSignature, OciError, type Reference } from '../oci/index.ts';
import { referenceOf } from '../verification/index.ts';
import type { ImageSignatureRequestControllerOptions } from './image-signature-request.ts';
import { registryAccess } from './registry-access.ts';
import type { Problem } from './request-result.ts';

export type CleanupResult = { readonly kind: 'done' } | { readonly kind: 'failed'; readonly problem: Problem };

type CleanupOptions = Pick<
  ImageSignatureRequestControllerOptions,
  'context' | 'registries' | 'signerService' | 'grants' | 'namespaceLabels'
>;

/**
 * Deletes or revokes what this request's status records as its own doing, and nothing else (design.md, "Cleanup").
 * Every signature is tried; the first failure is told. Deleting or revoking twice does no harm.
 */
export async function cleanUp(
  request: ImageSignatureRequest,
  options: CleanupOptions,
  signal: AbortSignal,
): Promise<CleanupResult> {
  if (request.metadata.annotations?.[ANNOTATIONS.skipCleanup] === 'true') return { kind: 'done' };
  const own = request.status?.ownSignatures ?? [];
  switch (request.spec.deletionPolicy ?? 'Retain') {
    case 'Retain':
      return { kind: 'done' };
    case 'DeleteSignature':
      return deleteAll(request, own, options, signal);
    case 'RevokeSignature':
      return revokeAll(request, own, options, signal);
  }
}

async function deleteAll(
  request: ImageSignatureRequest,
  own: readonly OwnSignature[],
  options: CleanupOptions,
  signal: AbortSignal,
): Promise<CleanupResult> {
  if (own.length === 0) return { kind: 'done' };
  const granted = own.every((signature) => isGranted(request, signature, options));
  const roleArn = request.spec.registry?.assumeRoleArn;
  if (roleArn !== undefined && !granted) {
    return failed(
      `the operator's signing grants no longer cover spec.registry.assumeRoleArn ${roleArn} in this namespace`,
    );
  }
  const mayUseOperators = request.spec.sign?.awsSigner !== undefined && granted;
  const access = await registryAccess(request, mayUseOperators, options.registries, options.context.client, signal);
  if (access.kind === 'refused') return failed(access.message);
  return everyOne(own, async (signature) => {
    const reference: Reference = referenceOf(`${signature.repository}@${signature.subjectDigest}`);
    await deleteSignature(access.client, reference, signature.subjectDigest, signature.digest, signal);
  });
}

async function revokeAll(
  request: ImageSignatureRequest,
  own: readonly OwnSignature[],
  options: CleanupOptions,
  signal: AbortSignal,
): Promise<CleanupResult> {
  return everyOne(own, async (signature) => {
    const { jobArn, profileVersionArn } = signature;
    if (jobArn === undefined || profileVersionArn === undefined) return;
    const profile = parseSigningProfileArn(profileVersionArn);
    if (!isGranted(request, signature, options)) {
      throw new AwsError(
        'AccessDenied',
        `revoking ${jobArn}: the operator's signing grants no longer cover ${profile.arn} for ${signature.repository} in this namespace`,
      );
    }
    const assumeRoleArn = request.spec.sign?.awsSigner?.assumeRoleArn;
    const reason = `ImageSignatureRequest ${request.metadata.namespace}/${request.metadata.name} was deleted`;
    await options.signerService.revokeSignature(
      { jobArn, profile, reason, ...(assumeRoleArn === undefined ? {} : { assumeRoleArn }) },
      signal,
    );
  });
}

/** Status can be written by whoever may write the status subresource: the grant is asked for again. */
function isGranted(request: ImageSignatureRequest, signature: OwnSignature, options: CleanupOptions): boolean {
  const namespace = request.metadata.namespace ?? '';
  const awsSigner = request.spec.sign?.awsSigner;
  const profileArn =
    signature.profileVersionArn === undefined
      ? awsSigner?.profileArn
      : parseSigningProfileArn(signature.profileVersionArn).arn;
  return options.grants().check({
    namespace,
    namespaceLabels: options.namespaceLabels(namespace),
    ...(profileArn === undefined ? {} : { profileArn }),
    roleArns: [awsSigner?.assumeRoleArn, request.spec.registry?.assumeRoleArn].filter((arn) => arn !== undefined),
    repository: signature.repository,
  }).granted;
}

async function everyOne(
  own: readonly OwnSignature[],
  act: (signature: OwnSignature) => Promise<void>,
): Promise<CleanupResult> {
  const failures: (OciError | AwsError)[] = [];
  for (const signature of own) {
    try {
      await act(signature);
    } catch (error) {
      if (!(error instanceof OciError) && !(error instanceof AwsError)) throw error;
      // The image itself is gone, and its signatures with it.
      if (error instanceof OciError && error.code === 'NotFound') continue;
      failures.push(error);
    }
  }
  const first = failures[0];
  if (first === undefined) return { kind: 'done' };
  // A registry that deletes nothing does not do so later either: a person must change it, or give up.
  const isRefused = failures.every((error) => error instanceof OciError && error.status === 405);
  return failed(`${failures.length} of ${own.length} signatures: ${first.message}`, isRefused);
}

function failed(message: string, terminal = false): CleanupResult {
  return {
    kind: 'failed',
    problem: {
      reason: 'CleanupFailed',
      message: `${message}; the request is kept and tried again; to give up, annotate it with ${ANNOTATIONS.skipCleanup}=true`,
      terminal,
    },
  };
}
