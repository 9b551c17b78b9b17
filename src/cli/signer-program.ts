import { type Command, InvalidArgumentError, Option } from 'commander';
import type { ValidityPeriod } from '../aws/index.ts';
import * as parse from './arguments.ts';
import type { ExitCode } from './failure.ts';
import type { Io } from './io.ts';
import {
  cancelProfileCommand,
  type DestructiveOptions,
  type ListProfilesOptions,
  listProfilesCommand,
  type PutOptions,
  putProfileCommand,
  type RevokeProfileOptions,
  type RevokeSignatureOptions,
  revokeProfileCommand,
  revokeSignatureCommand,
} from './signer.ts';

const MAX_REASON = 500;
const UNITS: Readonly<Record<string, ValidityPeriod['type']>> = { d: 'DAYS', m: 'MONTHS', y: 'YEARS' };

/** `sealwatch signer …`: signing profiles and revocation at AWS Signer. */
export function addSigner(program: Command, io: Io, done: (code: ExitCode) => void): void {
  const signer = program.command('signer').description("manage AWS Signer's signing profiles, and revoke signatures");
  const profile = signer.command('profile').description('make, list, cancel and revoke signing profiles');
  withAws(profile.command('put').description('make a signing profile for container images').argument('<NAME>'))
    .option(
      '--validity <PERIOD>',
      'how long its signatures hold, such as 90d, 12m (months) or 2y; default 135 months',
      validity,
    )
    .action((name: string, options: PutOptions) => putProfileCommand(name, options, io).then(done));
  withAws(profile.command('list').description('list the signing profiles for container images'))
    .option('--all', 'cancelled and revoked ones too')
    .action((options: ListProfilesOptions) => listProfilesCommand(options, io).then(done));
  withAws(profile.command('cancel').description('end new signatures of a profile; those it made stay good'))
    .argument('<NAME>')
    .addOption(yes())
    .action((name: string, options: DestructiveOptions) => cancelProfileCommand(name, options, io).then(done));
  withCluster(
    withAws(profile.command('revoke').description('revoke what a version of a profile signed from a moment on')),
  )
    .argument('<NAME>')
    .addOption(
      new Option('--version <VERSION>', 'ten characters, as signer profile list tells')
        .argParser(profileVersion)
        .makeOptionMandatory(),
    )
    .addOption(
      new Option('--effective-time <TIME>', 'signatures made then or later are revoked (RFC 3339)')
        .argParser(parse.time)
        .makeOptionMandatory(),
    )
    .addOption(reason())
    .action((name: string, options: RevokeProfileOptions) => revokeProfileCommand(name, options, io).then(done));
  withCluster(withAws(signer.command('revoke-signature').description('revoke the signature that a signing job made')))
    .argument('<JOB-ARN>')
    .addOption(reason())
    .action((jobArn: string, options: RevokeSignatureOptions) =>
      revokeSignatureCommand(jobArn, options, io).then(done),
    );
}

function withAws(command: Command): Command {
  return command
    .option('--region <REGION>', 'of AWS Signer; default AWS_REGION', parse.filled)
    .option('--aws-endpoint <URL>', "AWS Signer's endpoint; default AWS's own", parse.url)
    .option(
      '--assume-role <ARN>',
      'a role to assume for it, such as one of the account that owns the profile',
      parse.filled,
    )
    .addOption(new Option('-o, --output <FORMAT>', 'text or json').default('text').argParser(parse.outputFormat));
}

function withCluster(command: Command): Command {
  return command
    .addOption(yes())
    .addOption(new Option('--from-cluster', 'do nothing unless the current kubeconfig context tells what it hits'))
    .addOption(new Option('--no-cluster', 'do not ask a cluster what it hits').conflicts('fromCluster'));
}

function yes(): Option {
  return new Option('-y, --yes', 'do it; without, only what would happen is told');
}

function reason(): Option {
  return new Option('--reason <TEXT>', 'why, for whoever looks it up at AWS Signer')
    .argParser(reasonText)
    .makeOptionMandatory();
}

function validity(text: string): ValidityPeriod {
  const [, digits = '', unit = ''] = /^(\d{1,4})\s*(d|m|y)(?:ays?|onths?|ears?)?$/i.exec(text) ?? [];
  const type = UNITS[unit.toLowerCase()];
  const value = Number(digits);
  if (type === undefined || value < 1)
    throw new InvalidArgumentError('Expected days, months or years, such as 90d, 12m or 2y.');
  return { value, type };
}

function profileVersion(text: string): string {
  if (/^[A-Za-z0-9]{10}$/.test(text)) return text;
  throw new InvalidArgumentError('Expected the ten characters of a version.');
}

function reasonText(text: string): string {
  if (text.trim() !== '' && text.length <= MAX_REASON) return text;
  throw new InvalidArgumentError(`Expected a text of 1 to ${MAX_REASON} characters.`);
}
