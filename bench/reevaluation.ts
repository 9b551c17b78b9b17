import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createVerificationCache, parseTrustStore } from '../src/notary/index.ts';
import type { RegistryClient } from '../src/oci/index.ts';
import { createPolicySet, type ImageKey, ImageVerifier, referenceOf } from '../src/verification/index.ts';
import { pushImages } from '../test/support/burst.ts';
import { startFaultProxy } from '../test/support/fault-proxy.ts';
import { checkRevocationOffline, verifyTimestampOffline } from '../test/support/no-network.ts';
import { type Chain, createChain } from '../test/support/pki.ts';
import { startRegistry } from '../test/support/registries.ts';
import { localClient } from '../test/support/signed-images.ts';
import type { Bench, BenchOptions, Figure } from './frame.ts';

const IMAGES = 1_000;
const CONCURRENCY = 8;
const HOUR_MS = 3_600_000;

/** A policy that changes under 1,000 images: each is judged anew from what is kept, without a request. */
export const reevaluation: Bench = {
  name: 'reevaluation',
  about: `a policy change under ${IMAGES} images that were verified before`,
  run: async (options) => {
    const chain = await createChain({ key: 'P-384', hash: 'SHA-384' });
    const registry = await startRegistry('referrers');
    const proxy = await startFaultProxy(registry.host);
    try {
      options.say(`pushes ${IMAGES} signed images`);
      const keys = await pushImages(proxy, registry.host, IMAGES, chain);
      return await measure(keys, chain, () => proxy.requests.length, options);
    } finally {
      await proxy.stop();
      await registry.stop();
    }
  },
};

async function measure(
  keys: readonly ImageKey[],
  chain: Chain,
  requests: () => number,
  { runs, say }: BenchOptions,
): Promise<readonly Figure[]> {
  const client = localClient();
  const trusted = ['x509.subject:C=US,ST=WA,O=Acme', 'x509.subject:C=US,ST=WA,O=Other'];
  let identity = trusted[0] ?? '';
  const store = parseTrustStore('ca', 'acme', chain.rootPem);
  const cache = createVerificationCache();
  let policies = policySetOf(keys, identity);
  const verifier = new ImageVerifier({
    policies: () => policies,
    findTrustStore: (type, name) => (type === 'ca' && name === 'acme' ? store : undefined),
    plugins: [],
    checkRevocation: checkRevocationOffline(),
    verifyTimestamp: verifyTimestampOffline(),
    cache,
    clock: () => new Date(),
    maxSignatures: 100,
    keptListMaxAgeMs: HOUR_MS,
    signatureCacheBytes: 64 * 1024 * 1024,
  });
  const judgeAll = (list: 'registry' | 'kept', expected: string): Promise<Judged> =>
    judge(keys, (key) => judgeOne(verifier, client, key, list, expected));

  const first = await judgeAll('registry', 'Trusted');
  say(`verified for the first time in ${first.seconds.toFixed(1)} s`);
  const before = requests();
  const judged: Judged[] = [];
  const asked: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    identity = trusted[(run + 1) % 2] ?? '';
    policies = policySetOf(keys, identity);
    judged.push(await judgeAll('kept', identity === trusted[0] ? 'Trusted' : 'Untrusted'));
    asked.push(requests() - before);
  }
  const what = `a policy change under ${IMAGES} images`;
  return [
    {
      metric: `${what}: until all are judged anew`,
      unit: 's',
      values: judged.map(({ seconds }) => seconds),
      target: 1,
    },
    { metric: `${what}: requests to the registry`, unit: 'requests', values: asked, target: 0, limit: 0 },
    {
      metric: `${what}: longest stall of the event loop`,
      unit: 'ms',
      values: judged.map(({ stall }) => stall),
      target: 100,
    },
  ];
}

interface Judged {
  readonly seconds: number;
  /** Milliseconds. */
  readonly stall: number;
}

async function judge(keys: readonly ImageKey[], one: (key: ImageKey) => Promise<void>): Promise<Judged> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  // A stall counts from the sample before it.
  await new Promise((resolve) => setTimeout(resolve, 20));
  const began = performance.now();
  const left = keys.values();
  await Promise.all(
    Array.from({ length: CONCURRENCY }, async () => {
      for (const key of left) await one(key);
    }),
  );
  const seconds = (performance.now() - began) / 1000;
  await new Promise((resolve) => setTimeout(resolve, 5));
  delay.disable();
  return { seconds, stall: delay.max / 1e6 };
}

async function judgeOne(
  verifier: ImageVerifier,
  client: RegistryClient,
  key: ImageKey,
  list: 'registry' | 'kept',
  expected: string,
): Promise<void> {
  const { verdict, cause } = await verifier.verify(
    { reference: referenceOf(key), client, list },
    new AbortController().signal,
  );
  if (verdict !== expected) throw new Error(`${key}: expected ${expected}, found ${verdict}: ${cause?.message}`);
}

function policySetOf([first]: readonly ImageKey[], identity: string): ReturnType<typeof createPolicySet> {
  if (first === undefined) throw new Error('no image');
  const { registry, repository } = referenceOf(first);
  return createPolicySet([
    {
      metadata: { name: 'bench', creationTimestamp: '2026-01-01T00:00:00Z' },
      spec: {
        version: '1.0',
        trustPolicies: [
          {
            name: 'statement',
            registryScopes: [`${registry}/${repository}`],
            signatureVerification: { level: 'strict' },
            trustStores: ['ca:acme'],
            trustedIdentities: [identity],
          },
        ],
      },
    },
  ]);
}
