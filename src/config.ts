import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { formatDuration, InvalidDurationError, parseDuration } from './api/duration.ts';
import { LOG_LEVELS, type LogLevel } from './api/log-level.ts';
import { VERSION } from './version.ts';

/** A setting is wrong. The message names the flag, what was expected and found, and what to do. */
export class ConfigError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ConfigError';
  }
}

/** Every setting of the operator, validated. */
export interface Config {
  readonly logLevel: LogLevel;
  /** Tells traces to a collector (src/tracing). */
  readonly tracing: boolean;
  readonly listenAddress: { readonly host: string; readonly port: number };
  /** Empty: all. */
  readonly watchNamespaces: readonly string[];
  /** Each signature's revocation status is asked for once in this time. */
  readonly sweepIntervalMs: number;
  /** Each running image's signatures are listed again in this time. */
  readonly verifyIntervalMs: number;
  /** Bundles from ConfigMaps and Secrets are read again in this time. */
  readonly trustStoreRefreshMs: number;
  readonly registryConfigFile?: string;
  readonly registryCAFile?: string;
  /** Namespaces whose pods' pull secrets are read. */
  readonly pullSecrets: 'none' | 'all' | readonly string[];
  readonly plainHTTPHosts: readonly string[];
  /** Requests to one registry at once. */
  readonly registryConcurrency: number;
  readonly allowAddresses: readonly string[];
  /** An answer of a certificate authority is asked for again in this time, although it may stand for longer. */
  readonly revocationRefreshMs: number;
  /** Where answers of certificate authorities outlive a restart. */
  readonly revocationCacheDir?: string;
  /** Where what verifying fetched, and what was last told, outlive a restart. */
  readonly verdictCacheDir?: string;
  /** Holds signing.grants and registry.mirrors. */
  readonly configFile?: string;
  /** By region; `*` for every other. */
  readonly signerEndpoints: ReadonlyMap<string, string>;
  readonly stsEndpoint?: string;
  readonly ecrEndpoint?: string;
  /** Where the Lease is, by which replicas agree who leads; absent: this process is the only one. */
  readonly leaseNamespace?: string;
  readonly leaseName: string;
  readonly maxSignatures: number;
  /** Signatures that were fetched are kept up to so many bytes. */
  readonly signatureCacheBytes: number;
  /** Reconciles at once, for each kind of work. */
  readonly concurrency: number;
  /** The plurals of the APIs that reports are written to, where they are served. */
  readonly reports: readonly ('policyreports' | 'reports')[];
  /** Where alerts are sent. */
  readonly webhook?: WebhookConfig;
  readonly requestTimeoutMs: number;
  readonly shutdownTimeoutMs: number;
}

/** Where, and how, alerts on verdicts are sent. */
export interface WebhookConfig {
  readonly url: string;
  readonly format: 'cloudevents' | 'slack';
  /** Holds the key of the signature; absent: there is none. */
  readonly secretFile?: string;
  /** CloudEvents' `source`. */
  readonly source: string;
}

interface Setting {
  readonly flag: string;
  readonly value: string;
  readonly help: string;
  readonly fallback?: string;
  /** May be given several times, or as a list with commas. */
  readonly list?: true;
  /** Given alone it means `on`. */
  readonly isSwitch?: true;
}

const SETTINGS = [
  {
    flag: 'log-level',
    value: 'LEVEL',
    fallback: 'info',
    help: "trace, debug, info, warn or error; the configuration file's logLevel goes before it",
  },
  {
    flag: 'tracing',
    value: 'on|off',
    isSwitch: true,
    fallback: 'off',
    help: "traces over OTLP/HTTP, by OpenTelemetry's variables (OTEL_EXPORTER_OTLP_ENDPOINT and others)",
  },
  {
    flag: 'listen-address',
    value: 'HOST:PORT',
    fallback: '0.0.0.0:8080',
    help: 'where /healthz, /readyz and /metrics are served; port 0 picks a free one',
  },
  {
    flag: 'watch-namespaces',
    value: 'NAME',
    list: true,
    help: 'namespaces of pods and requests to watch; default all',
  },
  {
    flag: 'sweep-interval',
    value: 'DURATION',
    fallback: '1m',
    help: 'each signature is asked for its revocation once in this time',
  },
  {
    flag: 'verify-interval',
    value: 'DURATION',
    fallback: '1h',
    help: 'signatures of running images are listed again in this time',
  },
  {
    flag: 'trust-store-refresh',
    value: 'DURATION',
    fallback: '1m',
    help: 'trust store bundles from ConfigMaps and Secrets are read again in this time',
  },
  { flag: 'registry-config', value: 'FILE', help: "a Docker config.json with the operator's own registry credentials" },
  {
    flag: 'registry-ca',
    value: 'FILE',
    help: "PEM certificates of private CAs of registries, beside the system's; read again when it changes",
  },
  { flag: 'registry-concurrency', value: 'N', fallback: '8', help: 'requests to one registry at once' },
  {
    flag: 'pull-secrets',
    value: 'none|all|NAMESPACE',
    list: true,
    fallback: 'none',
    help: "whose pods' image pull secrets (their own and their ServiceAccounts') may be read to verify what they run",
  },
  { flag: 'plain-http-hosts', value: 'HOST[:PORT]', list: true, help: 'registries that are spoken to over plain HTTP' },
  {
    flag: 'allow-addresses',
    value: 'CIDR',
    list: true,
    help: 'addresses that may be connected to although they are loopback, link-local or cloud metadata',
  },
  {
    flag: 'revocation-refresh',
    value: 'DURATION',
    fallback: '1h',
    help: 'OCSP answers and CRLs are asked for again in this time; until they run out, the last ones serve',
  },
  {
    flag: 'revocation-cache-dir',
    value: 'DIR',
    help: 'a folder where OCSP answers and CRLs outlive a restart, at most 512 MiB; default in memory only',
  },
  {
    flag: 'verdict-cache-dir',
    value: 'DIR',
    help: 'a folder where manifests, signatures and what was last told outlive a restart, at most 512 MiB; default in memory only',
  },
  {
    flag: 'config',
    value: 'FILE',
    help: 'YAML with signing.grants (who may have what signed with which identity), registry.mirrors and ecr.roles; read again when it changes',
  },
  {
    flag: 'reports',
    value: 'off|auto|policyreports|openreports',
    fallback: 'off',
    help: 'verdicts of each namespace as PolicyReport (wgpolicyk8s.io/v1alpha2) and Report (openreports.io/v1alpha1); auto: whichever the cluster serves, now or later',
  },
  {
    flag: 'webhook-url',
    value: 'URL',
    help: 'where an alert is sent when what a workload runs turns bad, and when that ends; http only to one of --plain-http-hosts',
  },
  {
    flag: 'webhook-format',
    value: 'cloudevents|slack',
    fallback: 'cloudevents',
    help: 'CloudEvents 1.0 as JSON, or {"text": ...} for Slack and what is compatible with it',
  },
  {
    flag: 'webhook-secret-file',
    value: 'FILE',
    help: 'the key that alerts are signed with (HMAC-SHA256, Standard Webhooks), 24 bytes at least; needed for cloudevents; read again when it changes',
  },
  {
    flag: 'webhook-source',
    value: 'URI',
    fallback: '/sealwatch',
    help: "CloudEvents' source: another one for each cluster",
  },
  {
    flag: 'signer-endpoint',
    value: '[REGION=]URL',
    list: true,
    help: "AWS Signer's endpoint, for all regions or one; default AWS's own",
  },
  { flag: 'sts-endpoint', value: 'URL', help: "AWS STS's endpoint; default AWS's own" },
  { flag: 'ecr-endpoint', value: 'URL', help: "Amazon ECR's API endpoint; default AWS's own" },
  {
    flag: 'lease-namespace',
    value: 'NAMESPACE',
    help: "where the Lease is by which replicas agree who leads; default POD_NAMESPACE, or the pod's own; outside a cluster: no election",
  },
  {
    flag: 'lease-name',
    value: 'NAME',
    fallback: 'sealwatch',
    help: 'its name: another one for each set of replicas in that namespace',
  },
  {
    flag: 'signature-cache-size',
    value: 'SIZE',
    fallback: '64Mi',
    help: 'memory for signatures that were fetched, such as 64Mi or 1Gi; those not used for longest go first, and are fetched again',
  },
  { flag: 'max-signatures', value: 'N', fallback: '100', help: 'signatures tried for one image at most' },
  {
    flag: 'concurrency',
    value: 'N',
    fallback: '8',
    help: 'reconciles at once, for each kind of work; for images and requests, of each registry',
  },
  {
    flag: 'request-timeout',
    value: 'DURATION',
    fallback: '30s',
    help: 'for one operation on a registry or AWS, with all its attempts',
  },
  {
    flag: 'shutdown-timeout',
    value: 'DURATION',
    fallback: '10s',
    help: 'how long waiting events may take to be written at the end',
  },
] as const satisfies readonly Setting[];

type Flag = (typeof SETTINGS)[number]['flag'];

export type ParsedArguments =
  | { readonly kind: 'config'; readonly config: Config }
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'version' };

/**
 * Reads flags (`--flag value`, `--flag=value`) and environment variables (`SEALWATCH_FLAG_NAME`); a flag wins.
 * @throws ConfigError
 */
export function parseConfig(argv: readonly string[], env: NodeJS.ProcessEnv): ParsedArguments {
  if (argv.includes('--help') || argv.includes('-h')) return { kind: 'help', text: helpText() };
  if (argv.includes('--version')) return { kind: 'version' };
  return { kind: 'config', config: toConfig(gather(argv, env)) };
}

interface Given {
  readonly values: readonly string[];
  /** `--flag`, or the variable's name: what a message names. */
  readonly from: string;
}

function gather(argv: readonly string[], env: NodeJS.ProcessEnv): ReadonlyMap<Flag, Given> {
  const given = new Map<Flag, Given>();
  for (const setting of SETTINGS) {
    const name = variableOf(setting.flag);
    const value = env[name];
    if (value !== undefined && value !== '') given.set(setting.flag, { values: [value], from: name });
  }
  const podNamespace = env['POD_NAMESPACE'];
  if (!given.has('lease-namespace') && podNamespace !== undefined && podNamespace !== '')
    given.set('lease-namespace', { values: [podNamespace], from: 'POD_NAMESPACE' });
  const seen = new Map<Flag, string[]>();
  for (let i = 0; i < argv.length; i += 1) {
    const argument = argv[i] ?? '';
    const equals = argument.indexOf('=');
    const name = equals === -1 ? argument : argument.slice(0, equals);
    const setting: Setting | undefined = SETTINGS.find(({ flag }) => `--${flag}` === name);
    if (setting === undefined) throw new ConfigError(`${name.slice(0, 100)}: no such flag`);
    let value = equals === -1 ? (setting.isSwitch === true ? 'on' : undefined) : argument.slice(equals + 1);
    if (value === undefined) {
      i += 1;
      value = argv[i];
    }
    if (value === undefined || value === '') throw new ConfigError(`${name}: expected a value, ${setting.value}`);
    const flag = setting.flag as Flag;
    const values = seen.get(flag) ?? [];
    if (values.length > 0 && setting.list !== true) throw new ConfigError(`${name}: given twice; remove one`);
    seen.set(flag, [...values, value]);
  }
  for (const [flag, values] of seen) given.set(flag, { values, from: `--${flag}` });
  return given;
}

function toConfig(given: ReadonlyMap<Flag, Given>): Config {
  const read = <T>(flag: Flag, parse: (text: string) => T): T => {
    const setting: Setting | undefined = SETTINGS.find((candidate) => candidate.flag === flag);
    const { values, from } = given.get(flag) ?? { values: [setting?.fallback ?? ''], from: `--${flag}` };
    return named(from, () => parse(values.at(-1) ?? ''));
  };
  const list = <T>(flag: Flag, parse: (text: string) => T): T[] => {
    const { values, from } = given.get(flag) ?? { values: [], from: `--${flag}` };
    const items = values.flatMap((value) => value.split(',')).map((item) => item.trim());
    const filled = items.filter((item) => item !== '');
    // Nothing but commas must not widen what an empty list means: all namespaces.
    if (values.length > 0 && filled.length === 0) throw new ConfigError(`${from}: expected at least one value`);
    return filled.map((item) => named(from, () => parse(item)));
  };
  const optional = (flag: Flag): string | undefined => given.get(flag)?.values.at(-1);
  const [registryConfigFile, registryCAFile, configFile] = [
    optional('registry-config'),
    optional('registry-ca'),
    optional('config'),
  ];
  const pullSecrets = list('pull-secrets', parseNamespace);
  const revocationCacheDir = optional('revocation-cache-dir');
  const verdictCacheDir = optional('verdict-cache-dir');
  const stsEndpoint = given.has('sts-endpoint') ? read('sts-endpoint', parseUrl) : undefined;
  const ecrEndpoint = given.has('ecr-endpoint') ? read('ecr-endpoint', parseUrl) : undefined;
  const plainHTTPHosts = list('plain-http-hosts', parseHost);
  const webhook = webhookOf(given, read, plainHTTPHosts);
  const leaseNamespace = given.has('lease-namespace') ? read('lease-namespace', parseNamespace) : undefined;
  return {
    logLevel: read('log-level', parseLevel),
    tracing: read('tracing', parseSwitch),
    listenAddress: read('listen-address', parseListenAddress),
    watchNamespaces: list('watch-namespaces', parseNamespace),
    sweepIntervalMs: read('sweep-interval', (text) => duration(text, 1_000)),
    verifyIntervalMs: read('verify-interval', (text) => duration(text, 1_000)),
    trustStoreRefreshMs: read('trust-store-refresh', (text) => duration(text, 1_000)),
    ...(registryConfigFile === undefined ? {} : { registryConfigFile }),
    ...(registryCAFile === undefined ? {} : { registryCAFile }),
    registryConcurrency: read('registry-concurrency', (text) => wholeNumber(text, 1, 256)),
    pullSecrets: named(given.get('pull-secrets')?.from ?? '', () => parsePullSecrets(pullSecrets)),
    plainHTTPHosts,
    allowAddresses: list('allow-addresses', parseCidr),
    revocationRefreshMs: read('revocation-refresh', (text) => duration(text, 1_000)),
    ...(revocationCacheDir === undefined ? {} : { revocationCacheDir }),
    ...(verdictCacheDir === undefined ? {} : { verdictCacheDir }),
    ...(configFile === undefined ? {} : { configFile }),
    signerEndpoints: new Map(list('signer-endpoint', parseEndpoint)),
    ...(stsEndpoint === undefined ? {} : { stsEndpoint }),
    ...(ecrEndpoint === undefined ? {} : { ecrEndpoint }),
    ...(leaseNamespace === undefined ? {} : { leaseNamespace }),
    leaseName: read('lease-name', parseObjectName),
    signatureCacheBytes: read('signature-cache-size', parseSize),
    maxSignatures: read('max-signatures', (text) => wholeNumber(text, 1, 1_000)),
    concurrency: read('concurrency', (text) => wholeNumber(text, 1, 256)),
    reports: read('reports', parseReports),
    ...(webhook === undefined ? {} : { webhook }),
    requestTimeoutMs: read('request-timeout', (text) => duration(text, 100)),
    shutdownTimeoutMs: read('shutdown-timeout', (text) => duration(text, 100)),
  };
}

function webhookOf(
  given: ReadonlyMap<Flag, Given>,
  read: <T>(flag: Flag, parse: (text: string) => T) => T,
  plainHTTPHosts: readonly string[],
): WebhookConfig | undefined {
  const format = read('webhook-format', parseWebhookFormat);
  const source = read('webhook-source', parseUriReference);
  const secretFile = given.get('webhook-secret-file')?.values.at(-1);
  if (!given.has('webhook-url')) {
    const alone = (['webhook-format', 'webhook-secret-file', 'webhook-source'] as const).find((flag) =>
      given.has(flag),
    );
    if (alone !== undefined) throw new ConfigError(`${given.get(alone)?.from}: expected --webhook-url beside it`);
    return undefined;
  }
  const url = read('webhook-url', (text) => parseWebhookUrl(text, plainHTTPHosts));
  if (format === 'cloudevents' && secretFile === undefined)
    throw new ConfigError(
      `${given.get('webhook-url')?.from}: expected --webhook-secret-file beside it: CloudEvents are signed, so that a receiver knows who sent them`,
    );
  return { url, format, source, ...(secretFile === undefined ? {} : { secretFile }) };
}

function named<T>(from: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof ConfigError || error instanceof InvalidDurationError)
      throw new ConfigError(`${from}: ${error.message}`);
    throw error;
  }
}

function expected(what: string, found: string): ConfigError {
  return new ConfigError(`expected ${what}; found ${JSON.stringify(found.slice(0, 200))}`);
}

function parseLevel(text: string): LogLevel {
  const level = LOG_LEVELS.find((candidate) => candidate === text);
  if (level === undefined) throw expected('trace, debug, info, warn or error', text);
  return level;
}

function parseSwitch(text: string): boolean {
  if (text !== 'on' && text !== 'off') throw expected('on or off', text);
  return text === 'on';
}

function parseListenAddress(text: string): Config['listenAddress'] {
  const colon = text.lastIndexOf(':');
  const host = text.slice(0, Math.max(colon, 0)).replace(/^\[|\]$/g, '');
  const port = text.slice(colon + 1);
  if (colon === -1 || !/^\d{1,5}$/.test(port) || Number(port) > 65_535 || isIP(host) === 0) {
    throw expected('an IP address and a port, such as 0.0.0.0:8080 or [::]:8080', text);
  }
  return { host, port: Number(port) };
}

function parseNamespace(text: string): string {
  if (!/^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/.test(text)) throw expected('the name of a namespace', text);
  return text;
}

function parseObjectName(text: string): string {
  if (text.length > 253 || !/^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/.test(text))
    throw expected('the name of an object, such as sealwatch', text);
  return text;
}

function parsePullSecrets(names: readonly string[]): Config['pullSecrets'] {
  const word = names.find((name) => name === 'none' || name === 'all');
  if (word !== undefined && names.length > 1)
    throw new ConfigError(`expected none or all alone, or names of namespaces; found ${word} beside others`);
  if (word !== undefined) return word === 'all' ? 'all' : 'none';
  return names.length === 0 ? 'none' : names;
}

function parseHost(text: string): string {
  const port = /^(?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(?::(\d{1,5}))?$/.exec(text);
  if (port === null || Number(port[1] ?? 1) > 65_535)
    throw expected('a host, with a port where it has one, and no scheme', text);
  return text;
}

function parseCidr(text: string): string {
  // The parser alone would read 10/8 as 0.0.0.10/8, and 010.0.0.0 as octal.
  if (isIP(text.split('/')[0] ?? '') === 0 || !ipaddr.isValidCIDR(text))
    throw expected('a CIDR, such as 127.0.0.0/8', text);
  return text;
}

function parseUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== 'https:' && url.protocol !== 'http:'))
    throw expected('a URL with https or http', text);
  if (url.username !== '' || url.password !== '')
    throw new ConfigError('expected a URL without credentials; remove them');
  return text;
}

/** The path may be a secret, as Slack's is: no message repeats it. */
function parseWebhookUrl(text: string, plainHTTPHosts: readonly string[]): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== 'https:' && url.protocol !== 'http:'))
    throw new ConfigError('expected a URL with https; it is not repeated here, for it may hold a secret');
  if (url.username !== '' || url.password !== '')
    throw new ConfigError('expected a URL without credentials; remove them');
  if (url.protocol === 'http:' && !plainHTTPHosts.includes(url.host))
    throw new ConfigError(`expected https; found http: if it is meant, add ${url.host} to --plain-http-hosts`);
  return text;
}

function parseWebhookFormat(text: string): WebhookConfig['format'] {
  if (text !== 'cloudevents' && text !== 'slack') throw expected('cloudevents or slack', text);
  return text;
}

/** A URI reference (RFC 3986 §4.1), as far as its characters say. */
function parseUriReference(text: string): string {
  if (text.length > 200 || !/^[A-Za-z0-9._~:/?#@!$&'()*+,;=%-]+$/.test(text))
    throw expected('a URI reference of at most 200 characters, such as /clusters/prod', text);
  return text;
}

function parseReports(text: string): Config['reports'] {
  switch (text) {
    case 'off':
      return [];
    case 'auto':
      return ['policyreports', 'reports'];
    case 'policyreports':
      return ['policyreports'];
    case 'openreports':
      return ['reports'];
    default:
      throw expected('off, auto, policyreports or openreports', text);
  }
}

function parseEndpoint(text: string): [string, string] {
  const match = /^([a-z0-9-]+)=(.+)$/.exec(text);
  return match?.[1] === undefined || match[2] === undefined ? ['*', parseUrl(text)] : [match[1], parseUrl(match[2])];
}

/** Within what a timer of Node holds; a longer one would fire at once. */
const MAX_DURATION_MS = 24 * 24 * 3_600_000;

function duration(text: string, minMs: number): number {
  const ms = parseDuration(text);
  if (ms < minMs) throw expected(`at least ${formatDuration(minMs)}`, text);
  if (ms > MAX_DURATION_MS) throw expected(`at most ${formatDuration(MAX_DURATION_MS)}`, text);
  return ms;
}

function wholeNumber(text: string, min: number, max: number): number {
  const number = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
  if (!(number >= min && number <= max)) throw expected(`a whole number from ${min} to ${max}`, text);
  return number;
}

const UNITS = new Map([
  ['Mi', 2 ** 20],
  ['Gi', 2 ** 30],
]);
const MAX_SIZE_BYTES = 16 * 2 ** 30;

/** Bytes, as Kubernetes writes quantities of memory. */
function parseSize(text: string): number {
  const [, digits, unit = ''] = /^(\d{1,5})(Mi|Gi)$/.exec(text) ?? [];
  const bytes = Number(digits) * (UNITS.get(unit) ?? Number.NaN);
  if (!(bytes > 0 && bytes <= MAX_SIZE_BYTES)) throw expected('a size from 1Mi to 16Gi, such as 64Mi', text);
  return bytes;
}

function variableOf(flag: string): string {
  return `SEALWATCH_${flag.toUpperCase().replaceAll('-', '_')}`;
}

function helpText(): string {
  const rows = SETTINGS.map((setting: Setting) => {
    const notes = [setting.help];
    if (setting.list === true) notes.push('(may be given several times, or with commas)');
    if (setting.fallback !== undefined) notes.push(`(default ${setting.fallback})`);
    const value = setting.isSwitch === true ? `[=${setting.value}]` : ` ${setting.value}`;
    return `  --${setting.flag}${value}\n      ${notes.join(' ')}\n      env ${variableOf(setting.flag)}`;
  });
  return `sealwatch ${VERSION}: signs container images, verifies them, and watches whether what runs is still trusted

Usage: sealwatch operator [flags]

The cluster is the one of the kubeconfig (KUBECONFIG, else ~/.kube/config), or the one it runs in.
AWS credentials are found the way of the AWS SDK: environment, IRSA, Pod Identity, instance role.

Flags, each with its environment variable:
${rows.join('\n')}
  --help, --version
`;
}
