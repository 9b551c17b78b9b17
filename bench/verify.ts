import { sign, verify as verifyBytes } from 'node:crypto';
import {
  createVerificationCache,
  MEDIA_TYPE_COSE,
  MEDIA_TYPE_JWS,
  parseTrustPolicyDocument,
  type SignatureFormat,
  type VerificationCache,
  verifySignature,
} from '../src/notary/index.ts';
import { writeStores } from '../test/conformance/interop/trust.ts';
import { forgeCose } from '../test/support/forge-cose.ts';
import { forgeJws, SUBJECT } from '../test/support/forge-jws.ts';
import { type Judge, startJudge } from '../test/support/judge.ts';
import { checkRevocationOffline, verifyTimestampOffline } from '../test/support/no-network.ts';
import { type Chain, createChain } from '../test/support/pki.ts';
import { temporaryFolder } from '../test/support/temporary-folder.ts';
import { type Bench, type Figure, quantile } from './frame.ts';

/** Verifications of one run. */
const TIMES = 300;
/** Of a chain of three, root included, and over the payload. */
const SIGNATURES = 4;
const POLICY = {
  version: '1.0',
  trustPolicies: [
    {
      name: 'bench',
      registryScopes: ['*'],
      signatureVerification: { level: 'strict' },
      trustStores: ['ca:acme'],
      trustedIdentities: ['x509.subject:C=US,ST=WA,O=Acme'],
    },
  ],
} as const;

/** What a number of verifications took. */
interface Timed {
  /** Of each, milliseconds. */
  readonly wall: readonly number[];
  /** Milliseconds for each that the whole process used of all cores: what the collector does beside it counts. */
  readonly cpu: number;
}

type Mode = 'cold' | 'links' | 'seen';

/**
 * Verifying one envelope with three certificates on P-384, and notation-go on the same envelope: cold is a verifier
 * that has seen nothing; then one that knows the links of the chain; then one that has seen the envelope, as when only
 * a policy changed. The limit is what the signatures alone take, measured beside them.
 */
export const verify: Bench = {
  name: 'verify',
  about: 'one envelope, cold and with what is kept, beside notation-go on one core',
  run: async ({ runs, say }) => {
    const chain = await createChain({ key: 'P-384', hash: 'SHA-384' });
    const judge = await startJudge({ GOMAXPROCS: '1' });
    const folder = await temporaryFolder('bench');
    try {
      await writeStores(folder.path, { 'ca:acme': [chain.rootPem] });
      const figures: Figure[] = [];
      for (const format of ['JWS', 'COSE'] as const) {
        figures.push(...(await measureFormat(format, { chain, judge, stores: folder.path, runs, say })));
      }
      return figures;
    } finally {
      await judge.stop();
      await folder.remove();
    }
  },
};

interface World {
  readonly chain: Chain;
  readonly judge: Judge;
  readonly stores: string;
  readonly runs: number;
  readonly say: (line: string) => void;
}

async function measureFormat(format: SignatureFormat, world: World): Promise<readonly Figure[]> {
  const { chain, judge, stores, runs, say } = world;
  const ours = createOurs(format, chain);
  const signature = timeSignature(chain);
  const taken: Record<Mode | 'peer', Timed[]> = { cold: [], links: [], seen: [], peer: [] };
  const floors: number[] = [];
  // Before the first run, so that what is measured is compiled.
  for (const mode of ['cold', 'links', 'seen'] as const) await ours(mode);
  for (let run = 1; run <= runs; run += 1) {
    floors.push(signature());
    for (const mode of ['cold', 'links', 'seen'] as const) taken[mode].push(await ours(mode));
    taken.peer.push(await timePeer(format, chain, judge, stores));
    say(`${format}: run ${run} of ${runs}`);
  }
  const floor = quantile(floors, 0.5);
  const ratio = (mode: Mode): number[] => taken[mode].map(({ cpu }, run) => (taken.peer[run]?.cpu ?? Number.NaN) / cpu);
  const at = (mode: Mode | 'peer', q: number): number[] => taken[mode].map(({ wall }) => quantile(wall, q));
  const [what, targets] = [`verify ${format}, three P-384 certificates`, format === 'JWS'];
  const figure = (
    metric: string,
    unit: string,
    values: readonly number[],
    target?: number,
    limit?: number,
  ): Figure => ({
    metric: `${what}, ${metric}`,
    unit,
    values,
    ...(target === undefined || !targets ? {} : { target }),
    ...(limit === undefined ? {} : { limit }),
    ...(unit === 'times' ? { better: 'higher' as const } : {}),
  });
  return [
    figure('cold, p50', 'ms', at('cold', 0.5), 3.1, SIGNATURES * floor),
    figure('cold, p99', 'ms', at('cold', 0.99), 6, SIGNATURES * floor),
    figure('chain links cached, p50', 'ms', at('links', 0.5), 0.75, floor),
    figure('chain links cached, p99', 'ms', at('links', 0.99), 1.2, floor),
    figure('envelope seen before, p50', 'ms', at('seen', 0.5)),
    figure('notation-go, p50', 'ms', at('peer', 0.5)),
    figure("notation-go's CPU time over ours, cold", 'times', ratio('cold'), 1.5),
    figure("notation-go's CPU time over ours, chain links cached", 'times', ratio('links'), 5),
  ];
}

/** Our verifications: of envelopes that differ, each over the same image. */
function createOurs(format: SignatureFormat, chain: Chain): (mode: Mode) => Promise<Timed> {
  const now = new Date();
  const envelopes = Array.from({ length: TIMES + 1 }, () => envelopeOf(format, chain, now));
  const [statement] = parseTrustPolicyDocument(POLICY);
  if (statement === undefined) throw new Error('no statement');
  const store = { type: 'ca', name: 'acme', certificates: chain.certificates.slice(-1) } as const;
  const checkRevocation = checkRevocationOffline();
  const verifyTimestamp = verifyTimestampOffline();
  const verifyOne = async (envelopeBytes: Uint8Array, cache: VerificationCache): Promise<void> => {
    const { verdict, decisive } = await verifySignature({
      envelopeBytes,
      mediaType: mediaTypeOf(format),
      subject: SUBJECT,
      statement,
      findTrustStore: (type) => (type === 'ca' ? store : undefined),
      now,
      plugins: [],
      checkRevocation,
      verifyTimestamp,
      cache,
      signal: new AbortController().signal,
    });
    if (verdict !== 'Trusted') throw new Error(`${format}: ${decisive?.reason ?? verdict}`);
  };
  return async (mode) => {
    const shared = createVerificationCache();
    const [first, ...others] = envelopes;
    for (const envelope of mode === 'seen' ? envelopes : [first]) if (envelope) await verifyOne(envelope, shared);
    const wall: number[] = [];
    const before = process.cpuUsage();
    for (const envelope of others) {
      const began = performance.now();
      await verifyOne(envelope, mode === 'cold' ? createVerificationCache() : shared);
      wall.push(performance.now() - began);
    }
    const { user, system } = process.cpuUsage(before);
    return { wall, cpu: (user + system) / 1000 / TIMES };
  };
}

/** One envelope a run, since it keeps nothing. */
async function timePeer(format: SignatureFormat, chain: Chain, judge: Judge, stores: string): Promise<Timed> {
  const { measured, error } = await judge.ask({
    operation: 'measure',
    reference: `registry.example/bench@${SUBJECT.digest}`,
    subject: SUBJECT,
    policy: POLICY,
    stores,
    signatureEnvelope: envelopeOf(format, chain, new Date()).toString('base64'),
    mediaType: mediaTypeOf(format),
    times: TIMES,
  });
  if (measured === undefined) throw new Error(`notation-go refuses the ${format} envelope: ${error}`);
  return {
    wall: measured.wallNanoseconds.map((nanoseconds) => nanoseconds / 1e6),
    cpu: measured.cpuNanoseconds / 1e6 / TIMES,
  };
}

/** What verifying one signature takes, milliseconds: the floor that no verifier on this OpenSSL gets below. */
function timeSignature({ key, certificates }: Chain): () => number {
  const data = Buffer.alloc(600);
  const signature = sign('sha384', data, key);
  const publicKey = certificates[0]?.publicKey;
  if (publicKey === undefined) throw new Error('no leaf');
  return () => {
    const wall = Array.from({ length: TIMES }, () => {
      const began = performance.now();
      if (!verifyBytes('sha384', data, publicKey, signature)) throw new Error('the signature does not verify');
      return performance.now() - began;
    });
    return quantile(wall, 0.5);
  };
}

function envelopeOf(format: SignatureFormat, { key, certificates }: Chain, now: Date): Buffer {
  return (format === 'JWS' ? forgeJws : forgeCose)({ key, certificates, alg: 'ES384', now });
}

function mediaTypeOf(format: SignatureFormat): string {
  return format === 'JWS' ? MEDIA_TYPE_JWS : MEDIA_TYPE_COSE;
}
