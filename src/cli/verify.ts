import { join } from 'node:path';
import type { FindTrustStore } from '../notary/index.ts';
import { OciError, repositoryName } from '../oci/index.ts';
import { type ImageEvaluation, ImageVerifier, type PolicyStatement, registryCause } from '../verification/index.ts';
import type { OutputFormat } from './arguments.ts';
import { defaultConfigFolder, findPolicyFile, folderTrust, readPolicyFile } from './config-folder.ts';
import { type ExitCode, UsageError } from './failure.ts';
import { type Io, painter, warn, writeJson } from './io.ts';
import { Progress } from './progress.ts';
import { createServices } from './services.ts';
import { openTarget, resolveOnce, type Target, type TargetOptions } from './target.ts';
import type { TrustSource } from './trust-source.ts';
import { exitCodeOf, type VerifyReport, verifyJson, verifyText } from './verify-report.ts';

export interface VerifyOptions extends TargetOptions {
  readonly policyFile?: string;
  readonly configDir?: string;
  readonly trustStoreDir?: string;
  readonly fromCluster?: boolean;
  readonly userMetadata?: ReadonlyMap<string, string>;
  readonly maxSignatures: number;
  /** Verifies as of this time. Default: the clock. */
  readonly now?: Date;
  readonly awsEndpoint?: string;
  readonly output: OutputFormat;
}

const SIGNATURE_CACHE_BYTES = 1024 * 1024;

/** What a verification works with. */
interface Verification {
  readonly target: Target;
  readonly trust: TrustSource;
  readonly options: VerifyOptions;
  readonly io: Io;
  readonly progress: Progress;
}

/**
 * `sealwatch verify`: the verdict on one image by one policy (notary.md G).
 * @returns 0 trusted, 1 not trusted, 2 could not be determined. Wrong usage throws
 */
export async function verifyCommand(ref: string, options: VerifyOptions, io: Io): Promise<ExitCode> {
  checkOptions(options);
  const progress = new Progress(io.stderr);
  const trust = await openTrust(options, io, progress);
  try {
    const target = await openTarget(ref, options, io, progress);
    try {
      const report = await verify({ target, trust, options, io, progress }, ref);
      progress.done();
      for (const warning of [...trust.warnings, ...report.warnings]) warn(io, warning);
      if (options.output === 'json') writeJson(io, verifyJson(report));
      else io.stdout.write(verifyText(report, painter(io.stdout)));
      return exitCodeOf(report.evaluation.verdict);
    } finally {
      await target.close();
    }
  } finally {
    progress.done();
    await trust.close();
  }
}

function checkOptions(options: VerifyOptions): void {
  if (options.ociLayout !== undefined && options.scope === undefined) {
    throw new UsageError(
      '--oci-layout: a layout has no name that a policy could know: give the scope that stands for it, --scope registry/repository',
    );
  }
  if (options.ociLayout === undefined && options.scope !== undefined)
    throw new UsageError('--scope: goes with --oci-layout only: the scope of an image in a registry is its repository');
}

/** Reads the policy before anything is asked of a registry: a mistake in it is told at once. */
async function openTrust(options: VerifyOptions, io: Io, progress: Progress): Promise<TrustSource> {
  if (options.fromCluster === true) {
    progress.say('reads the policies of the cluster');
    // What speaks with a cluster is loaded only where it is needed.
    const { clusterTrust } = await import('./cluster.ts');
    return clusterTrust(io.signal);
  }
  const configFolder = (): string => options.configDir ?? defaultConfigFolder(io.env);
  const path = options.policyFile ?? (await findPolicyFile(configFolder()));
  if (path === undefined) {
    throw new UsageError(
      `there is no trust policy in ${configFolder()}: give --policy-file, --config-dir or --from-cluster, or make one with sealwatch policy import`,
    );
  }
  return folderTrust(await readPolicyFile(path), options.trustStoreDir ?? join(configFolder(), 'truststore'));
}

async function verify(verification: Verification, ref: string): Promise<VerifyReport> {
  const { target, trust, options, io, progress } = verification;
  const repository = repositoryName(target.reference);
  const clock = (): Date => options.now ?? io.clock();
  const base = { repository, evaluatedAt: clock(), signatures: [], truncated: false };
  const selected = trust.select(repository);
  const report = (
    evaluation: ImageEvaluation,
    digest = target.reference.digest,
    warnings: readonly string[] = [],
  ): VerifyReport => ({
    reference: options.ociLayout === undefined ? ref : target.nameOf(),
    name: target.nameOf(digest),
    origin: trust.origin,
    warnings,
    ...(digest === undefined ? {} : { digest }),
    ...(selected?.kind === 'statement' ? { statement: selected.statement } : {}),
    evaluation,
  });
  if (selected === undefined) return report({ ...base, ...uncovered(repository) });
  if (selected.kind === 'invalid') {
    const cause = { reason: 'PolicyInvalid', message: `TrustPolicy ${selected.policy}: ${selected.message}` } as const;
    return report({ ...base, statement: selected, verdict: 'Unknown', cause });
  }
  // Trusted without a request to the registry (notary.md G).
  if (selected.statement.level === 'skip') return report({ ...base, statement: selected, verdict: 'Trusted' });
  const stores = await trust.stores(selected.statement, io.signal);
  try {
    const { digest } = await resolveOnce(target, io, progress);
    const evaluation = await judge(verification, digest, selected, stores.find, clock);
    // The user's own folders are at fault here, not a service that may come back.
    if (evaluation.cause?.reason === 'TrustStoreUnavailable' && options.fromCluster !== true)
      throw new UsageError(stores.missing.join('; '));
    return report(evaluation, digest, stores.missing);
  } catch (error) {
    if (!(error instanceof OciError) || error.code === 'InvalidReference' || io.signal.aborted) throw error;
    return report({ ...base, statement: selected, verdict: 'Unknown', cause: registryCause(error) });
  }
}

function uncovered(repository: string): Pick<ImageEvaluation, 'verdict' | 'cause'> {
  const message = `no statement has the scope ${repository} or *: add one that says whom to trust`;
  return { verdict: 'Uncovered', cause: { reason: 'NoStatementApplies', message } };
}

async function judge(
  { target, options, io, progress }: Verification,
  digest: string,
  selected: PolicyStatement,
  findTrustStore: FindTrustStore,
  clock: () => Date,
): Promise<ImageEvaluation> {
  const { registry, repository } = target.reference;
  const { maxSignatures, userMetadata } = options;
  const { plugins, checkRevocation, verifyTimestamp, close } = createServices(options, io.env);
  try {
    const verifier = new ImageVerifier({
      policies: () => ({ select: () => selected, states: new Map() }),
      findTrustStore,
      plugins,
      checkRevocation,
      verifyTimestamp,
      clock,
      maxSignatures,
      keptListMaxAgeMs: 0,
      signatureCacheBytes: SIGNATURE_CACHE_BYTES,
    });
    progress.say(`verifies the signatures of ${target.nameOf(digest)}`);
    return await verifier.verify(
      {
        reference: { registry, repository, digest },
        client: target.store,
        list: 'registry',
        ...(userMetadata === undefined ? {} : { requiredMetadata: Object.fromEntries(userMetadata) }),
      },
      io.signal,
    );
  } finally {
    await close();
  }
}
