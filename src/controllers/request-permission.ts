import type { ImageSignatureRequest } from '../api/image-signature-request.ts';
import type { SigningGrants } from '../signing/grants.ts';
import type { RegistryClients } from './registry-access.ts';
import type { RequestPlan } from './request-plan.ts';
import type { Problem } from './request-result.ts';

export interface PermissionOptions {
  readonly grants: () => SigningGrants;
  /** Undefined: the namespace is not known. */
  readonly namespaceLabels: (namespace: string) => Readonly<Record<string, string>> | undefined;
  readonly registries: Pick<RegistryClients, 'allowsPlainHTTP'>;
}

/** What whoever runs the operator has not allowed this request; undefined when all of it is. */
export function permissionProblem(
  request: ImageSignatureRequest,
  plan: RequestPlan,
  options: PermissionOptions,
): Problem | undefined {
  return grantProblem(request, plan, options) ?? plainHTTPProblem(request, plan, options);
}

/** No AWS call is made for a request outside every grant (design.md, "Signing grants"). */
function grantProblem(
  request: ImageSignatureRequest,
  plan: RequestPlan,
  { grants, namespaceLabels }: PermissionOptions,
): Problem | undefined {
  const by = plan.sign?.by;
  const [profileArn, signingRole] = by?.kind === 'awsSigner' ? [by.profile.arn, by.assumeRoleArn] : [];
  const roleArns = [signingRole, plan.registryRoleArn].filter((roleArn) => roleArn !== undefined);
  if (profileArn === undefined && roleArns.length === 0) return undefined;
  const namespace = request.metadata.namespace ?? '';
  for (const image of plan.images) {
    const answer = grants().check({
      namespace,
      namespaceLabels: namespaceLabels(namespace),
      ...(profileArn === undefined ? {} : { profileArn }),
      roleArns,
      repository: image.repository,
    });
    if (!answer.granted) return { reason: 'NotGranted', message: answer.message, terminal: true };
  }
  return undefined;
}

function plainHTTPProblem(
  request: ImageSignatureRequest,
  plan: RequestPlan,
  { registries }: PermissionOptions,
): Problem | undefined {
  if (request.spec.registry?.plainHTTP !== true) return undefined;
  const host = plan.images.map((image) => image.reference.registry).find((name) => !registries.allowsPlainHTTP(name));
  if (host === undefined) return undefined;
  const message = `spec.registry.plainHTTP: the operator speaks plain HTTP only to hosts of its setting --plain-http-hosts, and ${host} is not among them`;
  return { reason: 'NotGranted', message, terminal: true };
}
