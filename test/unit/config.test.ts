import { describe, expect, it } from 'vitest';
import { type Config, ConfigError, parseConfig } from '../../src/config.ts';

function configOf(argv: readonly string[], env: NodeJS.ProcessEnv = {}): Config {
  const parsed = parseConfig(argv, env);
  if (parsed.kind !== 'config') throw new Error(`expected a configuration, found ${parsed.kind}`);
  return parsed.config;
}

function refusalOf(argv: readonly string[], env: NodeJS.ProcessEnv = {}): string {
  try {
    parseConfig(argv, env);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return 'accepted';
}

describe('parseConfig', () => {
  it.each([
    [[], {}, false],
    [['--tracing'], {}, true],
    [['--tracing', '--log-level', 'debug'], {}, true],
    [['--tracing=on'], {}, true],
    [['--tracing=off'], { SEALWATCH_TRACING: 'on' }, false],
    [[], { SEALWATCH_TRACING: 'on' }, true],
  ] as const)('%j with %j: traces are wanted: %s', (argv, env, expected) => {
    expect(configOf(argv, env).tracing).toBe(expected);
  });

  it('takes a switch alone, or with on or off', () => {
    expect(refusalOf(['--tracing=yes'])).toBe('--tracing: expected on or off; found "yes"');
    expect(refusalOf(['--tracing', 'off'])).toBe('off: no such flag');
  });

  it('has a default for everything that is not a file or an endpoint', () => {
    expect(configOf([])).toEqual({
      logLevel: 'info',
      tracing: false,
      listenAddress: { host: '0.0.0.0', port: 8080 },
      watchNamespaces: [],
      sweepIntervalMs: 60_000,
      verifyIntervalMs: 3_600_000,
      trustStoreRefreshMs: 60_000,
      pullSecrets: 'none',
      plainHTTPHosts: [],
      registryConcurrency: 8,
      allowAddresses: [],
      revocationRefreshMs: 3_600_000,
      signerEndpoints: new Map(),
      leaseName: 'sealwatch',
      signatureCacheBytes: 64 * 2 ** 20,
      maxSignatures: 100,
      concurrency: 8,
      reports: [],
      requestTimeoutMs: 30_000,
      shutdownTimeoutMs: 10_000,
    });
  });

  it('reads every flag, in both forms, lists with commas and repeated', () => {
    const config = configOf([
      '--log-level=debug',
      '--listen-address',
      '[::1]:0',
      '--watch-namespaces',
      'a, b',
      '--watch-namespaces=c',
      '--sweep-interval=2s',
      '--verify-interval=576h',
      '--trust-store-refresh=5s',
      '--registry-config=/etc/docker.json',
      '--registry-ca=/etc/ca.pem',
      '--pull-secrets=shop',
      '--pull-secrets=web,api',
      '--plain-http-hosts=localhost:5000,[::1]:65535',
      '--allow-addresses=127.0.0.0/8',
      '--allow-addresses=fd00::/8',
      '--revocation-refresh=5m',
      '--revocation-cache-dir=/var/cache/sealwatch',
      '--verdict-cache-dir=/var/cache/verdicts',
      '--config=/etc/grants=1.yaml',
      '--signer-endpoint=https://signer.example',
      '--signer-endpoint=us-west-2=https://west.example/?a=b',
      '--sts-endpoint=http://127.0.0.1:1',
      '--ecr-endpoint=https://ecr.example',
      '--lease-namespace=sealwatch-system',
      '--lease-name=sealwatch.eu',
      '--signature-cache-size=2Gi',
      '--max-signatures=1000',
      '--concurrency=256',
      '--request-timeout=100ms',
      '--shutdown-timeout=1m',
      '--reports=auto',
      '--webhook-url=https://alerts.example/in',
      '--webhook-secret-file=/etc/webhook',
      '--webhook-source=/clusters/eu',
    ]);
    expect(config).toEqual({
      logLevel: 'debug',
      tracing: false,
      listenAddress: { host: '::1', port: 0 },
      watchNamespaces: ['a', 'b', 'c'],
      sweepIntervalMs: 2_000,
      verifyIntervalMs: 576 * 3_600_000,
      trustStoreRefreshMs: 5_000,
      registryConfigFile: '/etc/docker.json',
      registryCAFile: '/etc/ca.pem',
      pullSecrets: ['shop', 'web', 'api'],
      plainHTTPHosts: ['localhost:5000', '[::1]:65535'],
      registryConcurrency: 8,
      allowAddresses: ['127.0.0.0/8', 'fd00::/8'],
      revocationRefreshMs: 300_000,
      revocationCacheDir: '/var/cache/sealwatch',
      verdictCacheDir: '/var/cache/verdicts',
      configFile: '/etc/grants=1.yaml',
      signerEndpoints: new Map([
        ['*', 'https://signer.example'],
        ['us-west-2', 'https://west.example/?a=b'],
      ]),
      stsEndpoint: 'http://127.0.0.1:1',
      ecrEndpoint: 'https://ecr.example',
      leaseNamespace: 'sealwatch-system',
      leaseName: 'sealwatch.eu',
      signatureCacheBytes: 2 * 2 ** 30,
      maxSignatures: 1_000,
      concurrency: 256,
      reports: ['policyreports', 'reports'],
      webhook: {
        url: 'https://alerts.example/in',
        format: 'cloudevents',
        secretFile: '/etc/webhook',
        source: '/clusters/eu',
      },
      requestTimeoutMs: 100,
      shutdownTimeoutMs: 60_000,
    });
  });

  it('reads pull secrets of no namespace, all, or some', () => {
    const of = (text: string) => configOf(['--pull-secrets', text]).pullSecrets;
    expect([of('none'), of('all'), of('shop')]).toEqual(['none', 'all', ['shop']]);
  });

  it.each([
    ['--log-level', 'verbose', 'expected trace, debug, info, warn or error; found "verbose"'],
    ['--listen-address', '8080', 'expected an IP address and a port'],
    ['--listen-address', 'localhost:8080', 'expected an IP address and a port'],
    ['--listen-address', '0.0.0.0:65536', 'expected an IP address and a port'],
    ['--listen-address', ':8080', 'expected an IP address and a port'],
    ['--watch-namespaces', 'Team_A', 'expected the name of a namespace; found "Team_A"'],
    ['--watch-namespaces', 'a,b*', 'expected the name of a namespace; found "b*"'],
    ['--watch-namespaces', ' , ', 'expected at least one value'],
    ['--sweep-interval', '10', 'expected a duration'],
    ['--sweep-interval', '999ms', 'expected at least 1s; found "999ms"'],
    ['--verify-interval', '0h', 'expected a duration'],
    ['--verify-interval', '577h', 'expected at most 576h; found "577h"'],
    ['--trust-store-refresh', 'soon', 'expected a duration'],
    ['--pull-secrets', 'All', 'expected the name of a namespace; found "All"'],
    ['--pull-secrets', 'shop,all', 'expected none or all alone, or names of namespaces; found all beside others'],
    ['--plain-http-hosts', 'http://localhost', 'expected a host, with a port where it has one, and no scheme'],
    ['--plain-http-hosts', 'localhost:99999', 'expected a host'],
    ['--plain-http-hosts', '*', 'expected a host'],
    ['--allow-addresses', '127.0.0.1', 'expected a CIDR, such as 127.0.0.0/8; found "127.0.0.1"'],
    ['--allow-addresses', '10/8', 'expected a CIDR'],
    ['--allow-addresses', '010.0.0.0/8', 'expected a CIDR'],
    ['--allow-addresses', '10.0.0.0/33', 'expected a CIDR'],
    ['--allow-addresses', 'localhost/8', 'expected a CIDR'],
    ['--signer-endpoint', 'signer.example', 'expected a URL with https or http'],
    ['--signer-endpoint', 'us-west-2=file:///etc/passwd', 'expected a URL with https or http'],
    ['--sts-endpoint', 'ftp://sts.example', 'expected a URL with https or http'],
    ['--ecr-endpoint', 'https://user:hunter2@ecr.example', 'expected a URL without credentials; remove them'],
    ['--lease-namespace', 'Sealwatch', 'expected the name of a namespace; found "Sealwatch"'],
    ['--lease-name', 'a/b', 'expected the name of an object, such as sealwatch; found "a/b"'],
    ['--signature-cache-size', '64MB', 'expected a size from 1Mi to 16Gi, such as 64Mi; found "64MB"'],
    ['--signature-cache-size', '0Mi', 'expected a size from 1Mi to 16Gi'],
    ['--signature-cache-size', '17Gi', 'expected a size from 1Mi to 16Gi'],
    ['--max-signatures', '0', 'expected a whole number from 1 to 1000; found "0"'],
    ['--max-signatures', '1001', 'expected a whole number from 1 to 1000'],
    ['--concurrency', '1.5', 'expected a whole number from 1 to 256'],
    ['--concurrency', '1e2', 'expected a whole number from 1 to 256'],
    ['--reports', 'on', 'expected off, auto, policyreports or openreports; found "on"'],
    ['--webhook-url', 'alerts.example', 'expected a URL with https; it is not repeated here'],
    ['--webhook-url', 'https://user:hunter2@alerts.example', 'expected a URL without credentials; remove them'],
    [
      '--webhook-url',
      'http://a.example:8080/x',
      'expected https; found http: if it is meant, add a.example:8080 to --plain-http-hosts',
    ],
    ['--webhook-url', 'https://alerts.example/x', 'expected --webhook-secret-file beside it'],
    ['--webhook-format', 'teams', 'expected cloudevents or slack; found "teams"'],
    ['--webhook-format', 'slack', 'expected --webhook-url beside it'],
    ['--webhook-secret-file', '/etc/key', 'expected --webhook-url beside it'],
    ['--webhook-source', 'not a URI', 'expected a URI reference of at most 200 characters'],
    ['--request-timeout', '10ms', 'expected at least 100ms'],
    ['--request-timeout', '999999h', 'expected'],
    ['--shutdown-timeout', '', 'expected a value, DURATION'],
  ])('refuses %s %j and names the flag and what is expected', (flag, value, message) => {
    expect(refusalOf([flag, value])).toContain(`${flag}: ${message}`);
    if (value === '') return;
    const variable = `SEALWATCH_${flag.slice(2).toUpperCase().replaceAll('-', '_')}`;
    expect(refusalOf([], { [variable]: value })).toContain(`${variable}: ${message}`);
  });

  it('takes a webhook of Slack without a secret, and plain HTTP only to hosts that are named', () => {
    const plain = ['--webhook-url=http://127.0.0.1:8080/x', '--plain-http-hosts=127.0.0.1:8080'];
    expect(configOf([...plain, '--webhook-format=slack']).webhook).toEqual({
      url: 'http://127.0.0.1:8080/x',
      format: 'slack',
      source: '/sealwatch',
    });
    expect(refusalOf(['--webhook-url', 'hooks.example/services/hunter2'])).not.toContain('hunter2');
  });

  it.each([
    ['off', []],
    ['auto', ['policyreports', 'reports']],
    ['policyreports', ['policyreports']],
    ['openreports', ['reports']],
  ])('--reports %s', (text, reports) => {
    expect(configOf(['--reports', text]).reports).toEqual(reports);
  });

  it('never repeats the credentials of a URL that it refuses', () => {
    expect(refusalOf(['--sts-endpoint', 'https://user:hunter2@sts.example'])).not.toContain('hunter2');
  });

  it.each([
    [['--sweep-intervall', '1m'], '--sweep-intervall: no such flag'],
    [['run'], 'run: no such flag'],
    [['--log-level'], '--log-level: expected a value, LEVEL'],
    [['--log-level='], '--log-level: expected a value, LEVEL'],
    [['--log-level', 'info', '--log-level', 'debug'], '--log-level: given twice; remove one'],
  ])('refuses %j', (argv, message) => {
    expect(refusalOf(argv)).toBe(message);
  });

  it('reads the environment; a flag wins; an empty variable is none', () => {
    const env = {
      SEALWATCH_LOG_LEVEL: 'warn',
      SEALWATCH_WATCH_NAMESPACES: 'a,b',
      SEALWATCH_CONCURRENCY: '',
    };
    expect(configOf([], env)).toMatchObject({ logLevel: 'warn', watchNamespaces: ['a', 'b'], concurrency: 8 });
    expect(configOf(['--log-level=error', '--watch-namespaces=c'], env)).toMatchObject({
      logLevel: 'error',
      watchNamespaces: ['c'],
    });
  });

  it("takes the pod's namespace for the Lease where no other is given", () => {
    expect(configOf([]).leaseNamespace).toBeUndefined();
    const env = { POD_NAMESPACE: 'here' };
    expect(configOf([], env).leaseNamespace).toBe('here');
    expect(configOf(['--lease-namespace=there'], env).leaseNamespace).toBe('there');
    expect(refusalOf([], { POD_NAMESPACE: 'Not One' })).toContain('POD_NAMESPACE: expected the name of a namespace');
  });

  it('--help tells every flag with its variable and default, --version the version', () => {
    const help = parseConfig(['--help'], {});
    if (help.kind !== 'help') throw new Error('no help');
    const flags = [...help.text.matchAll(/^ {2}--([a-z-]+)[ []/gm)].map(([, flag]) => flag ?? '');
    expect(flags).toHaveLength(Object.keys(configOf([])).length + 12);
    for (const flag of flags) {
      // Each flag that is told is one that is read.
      expect(refusalOf([`--${flag}=`])).toContain(`--${flag}: expected a value`);
      expect(help.text).toContain(`env SEALWATCH_${flag.toUpperCase().replaceAll('-', '_')}`);
    }
    expect(help.text).toContain('(default 0.0.0.0:8080)');
    expect(parseConfig(['-h'], {}).kind).toBe('help');
    expect(parseConfig(['--version'], {}).kind).toBe('version');
  });
});
