import { createHash } from 'node:crypto';
import { afterEach, expect } from 'vitest';
import type { Descriptor } from '../../../src/notary/index.ts';
import {
  anonymous,
  type CredentialProvider,
  type Mirrors,
  OciError,
  type Reference,
  RegistryClient,
  type RegistryMemory,
} from '../../../src/oci/index.ts';
import { createDispatcher } from '../../../src/transport/index.ts';
import { type Handler, startWireRegistry, type WireRegistry } from './wire-registry.ts';

export const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
export const INDEX = 'application/vnd.oci.image.index.v1+json';
export const NOTATION = 'application/vnd.cncf.notary.signature';
export const BASIC: CredentialProvider = {
  credentialsFor: async () => ({ kind: 'basic', username: 'u', password: 'p' }),
};
/** An image that no registry here needs to hold. */
export const SUBJECT: Descriptor = { mediaType: MANIFEST, digest: `sha256:${'a'.repeat(64)}`, size: 400 };

const running: WireRegistry[] = [];

/** Starts a registry that the test's end stops. */
export async function start(handler: Handler): Promise<WireRegistry> {
  const registry = await startWireRegistry(handler);
  running.push(registry);
  return registry;
}

afterEach(async () => {
  for (const registry of running.splice(0)) await registry.stop();
});

/** A client that may speak plain HTTP with loopback. */
export function clientOf(
  options: {
    readonly credentials?: CredentialProvider;
    readonly maxAttempts?: number;
    readonly timeoutMs?: number;
    readonly hosts?: readonly string[];
    readonly memory?: RegistryMemory;
    readonly mirrors?: Mirrors;
  } = {},
): RegistryClient {
  const { credentials = anonymous, maxAttempts = 1, timeoutMs = 5_000, hosts, memory, mirrors } = options;
  return new RegistryClient({
    dispatcher: createDispatcher({ allowAddresses: ['127.0.0.0/8'] }),
    credentials,
    plainHTTPHosts: (host) => hosts === undefined || hosts.includes(host),
    userAgent: 'test',
    maxAttempts,
    timeoutMs,
    ...(memory === undefined ? {} : { memory }),
    ...(mirrors === undefined ? {} : { mirrors: () => mirrors }),
  });
}

export const signal = (): AbortSignal => AbortSignal.timeout(15_000);

export function digestOf(body: string | Uint8Array): string {
  return `sha256:${createHash('sha256').update(body).digest('hex')}`;
}

/** `team/app` at a registry, by digest, or by the tag v1. */
export function imageAt(registry: WireRegistry, digest?: string): Reference {
  return { registry: registry.host, repository: 'team/app', ...(digest === undefined ? { tag: 'v1' } : { digest }) };
}

/** The OciError that a promise rejects with. */
export async function failureOf(promise: Promise<unknown>): Promise<OciError> {
  const error = await promise.then(
    () => undefined,
    (caught: unknown) => caught,
  );
  expect(error).toBeInstanceOf(OciError);
  return error as OciError;
}
