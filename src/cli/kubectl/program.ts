import { type Command, Option } from 'commander';
import * as parse from '../arguments.ts';
import type { ExitCode } from '../failure.ts';
import type { Io } from '../io.ts';
import type { BlastRadiusOptions } from './blast-radius.ts';
import type { ExpiringOptions } from './expiring.ts';
import type { PreviewOptions } from './preview.ts';
import type { StatusOptions } from './status.ts';
import type { WhyOptions } from './why.ts';

export const CLUSTER_COMMANDS = ['status', 'why', 'expiring', 'blast-radius', 'preview'] as const;

/** The operator's own --lease-name, where nobody changed it. */
const DEFAULT_LEASE = 'sealwatch';
const DEFAULT_WITHIN = '30d';
const ALL = 'look at this one; default all';
const CURRENT = 'look at this one; default that of the context';

/**
 * The commands about what runs in a cluster. What speaks with a cluster is most of what could be loaded: each is loaded when
 * it is run.
 */
export function addClusterCommands(program: Command, io: Io, done: (code: ExitCode) => void): void {
  withLease(
    withCluster(program.command('status').description('what runs, by verdict, as the cluster tells'), CURRENT),
  ).action(async (options: StatusOptions) => {
    const { statusCommand } = await import('./status.ts');
    done(await statusCommand(options, io));
  });
  const why = program
    .command('why')
    .description('why a pod is trusted or not: verifies its images now')
    .argument('<POD>');
  withChecks(withLease(withCluster(why, CURRENT))).action(async (pod: string, options: WhyOptions) => {
    const { whyCommand } = await import('./why.ts');
    done(await whyCommand(pod, options, io));
  });
  withCluster(
    program.command('expiring').description('images of requests whose last good signature expires soon'),
    CURRENT,
  )
    .addOption(
      new Option('--within <TIME>', 'such as 30d or 12h')
        .argParser(parse.period)
        .default(parse.period(DEFAULT_WITHIN), DEFAULT_WITHIN),
    )
    .action(async (options: ExpiringOptions) => {
      const { expiringCommand } = await import('./expiring.ts');
      done(await expiringCommand(options, io));
    });
  const radius = program
    .command('blast-radius')
    .description('what runs and would no longer be trusted, were this revoked; revokes nothing')
    .argument(
      '<TARGET>',
      'ARN of a signing job, a signing profile or its version, or SHA-256 fingerprint of a certificate',
    )
    .option(
      '--effective-time <TIME>',
      'of a profile: what it signed then or later (RFC 3339); default all',
      parse.time,
    );
  withChecks(withCluster(radius, ALL)).action(async (target: string, options: BlastRadiusOptions) => {
    const { blastRadiusCommand } = await import('./blast-radius.ts');
    done(await blastRadiusCommand(target, options, io));
  });
  const preview = program
    .command('preview')
    .description('which running images would change verdict under a TrustPolicy; applies nothing')
    .requiredOption('-f, --filename <FILE>', 'TrustPolicies, added or changed, in YAML or JSON', parse.filled);
  withChecks(withCluster(preview, ALL)).action(async (options: PreviewOptions) => {
    const { previewCommand } = await import('./preview.ts');
    done(await previewCommand(options, io));
  });
}

/** The flags of kubectl that say which cluster and namespaces. */
function withCluster(command: Command, otherwise: string): Command {
  return command
    .option('--kubeconfig <FILE>', 'default KUBECONFIG, or ~/.kube/config', parse.filled)
    .option('--context <NAME>', 'of the kubeconfig; default its current one', parse.filled)
    .option('-n, --namespace <NAMESPACE>', otherwise, parse.namespace)
    .option('-A, --all-namespaces', 'look at all namespaces')
    .addOption(new Option('-o, --output <FORMAT>', 'text or json').default('text').argParser(parse.outputFormat));
}

function withLease(command: Command): Command {
  return command.addOption(
    new Option('--lease <[NAMESPACE/]NAME>', "the operator's Lease, which says whether it runs")
      .default(DEFAULT_LEASE)
      .argParser(parse.lease),
  );
}

/** The flags that say how images are verified from here. */
function withChecks(command: Command): Command {
  return command
    .option('--plain-http-hosts <HOSTS>', 'registries that are spoken to over plain HTTP', parse.hosts)
    .option('--ca-file <FILE>', "PEM certificates of registries' private CA", parse.filled)
    .option(
      '--allow-addresses <CIDRS>',
      'addresses that hosts may have although they are loopback, link-local or metadata',
      parse.addresses,
    )
    .addOption(
      new Option('--max-signatures <N>', 'signatures of an image that are looked at, at most')
        .default(100)
        .argParser(parse.signatureLimit),
    )
    .addOption(new Option('--aws-endpoint <URL>', "AWS Signer's endpoint; default AWS's own").argParser(parse.url));
}
