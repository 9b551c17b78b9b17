import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { AlertWorld, type Worth } from '../support/alert-world.ts';
import { type ControlPlane, startControlPlane } from '../support/control-plane.ts';
import { runProgram, runTool } from '../support/program.ts';
import { useOf } from '../support/promql.ts';
import { type AlertCase, type FiringAlert, parseSamples, type Sample, testAlert } from '../support/promtool.ts';
import type { Scenario } from '../support/scenario.ts';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts';

const ROOT = join(import.meta.dirname, '../..');
const DAY_MS = 86_400_000;
/** What Prometheus adds to each series of a target. */
const TARGET = 'job="sealwatch",instance="10.0.0.7:8080"';

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: { readonly summary: string; readonly description: string; readonly runbook: string };
}

let plane: ControlPlane;
let world: AlertWorld;
let scenario: Scenario;
let folder: TemporaryFolder;
let rulesPath: string;
let rules: ReadonlyMap<string, Rule>;
const tried = new Set<string>();
let scrape: string;
let samples: readonly Sample[];
const scrapedAt = new Date();

beforeAll(async () => {
  folder = await temporaryFolder('alerts');
  const { spec } = parse(await readFile(join(ROOT, 'config/prometheus/prometheus-rule.yaml'), 'utf8')) as {
    readonly spec: { readonly groups: readonly { readonly rules: readonly Rule[] }[] };
  };
  rules = new Map(spec.groups.flatMap((group) => group.rules.map((rule) => [rule.alert, rule])));
  rulesPath = join(folder.path, 'rules.yaml');
  await writeFile(rulesPath, stringify(spec));

  plane = await startControlPlane({ controllerManager: true });
  await plane.installCrds();
  world = await AlertWorld.start(plane);
  scenario = world.scenario;
  scrape = (await scenario.operator.fetch('/metrics')).text;
  samples = parseSamples(scrape);
});

afterAll(async () => {
  await scenario?.stop();
  await plane?.stop();
  await folder?.remove();
});

function ruleOf(alert: string): Rule {
  tried.add(alert);
  const rule = rules.get(alert);
  if (rule === undefined) throw new Error(`expected a rule ${alert}`);
  return rule;
}

/** What fires: every text as a person reads it. */
function firing(alert: string, severity: string, labels: object, summary: string, description: string): FiringAlert {
  return {
    labels: { severity, ...labels },
    annotations: { summary, description, runbook: `docs/runbooks/${alert}.md` },
  };
}

function seriesOf(sample: Sample, values: string): AlertCase['series'][number] {
  const labels = [sample.labels, TARGET].filter((each) => each !== '').join(',');
  return { series: `${sample.name}{${labels}}`, values };
}

interface Timeline {
  readonly start?: Date;
  /** Until this minute what was scraped stays, and then what the alert looks at goes. */
  readonly minutes: number;
  /** In promtool's notation, in place of the scraped value of what the alert looks at. */
  readonly values?: string;
  /** It fires from this minute on. */
  readonly from: number;
}

/** Holds the whole scrape for a while, and lets the series that an alert looks at go: it fires from a minute on, and clears. */
async function fireAndClear(alert: string, alerts: readonly FiringAlert[], timeline: Timeline): Promise<void> {
  const { minutes, from, start = scrapedAt, values } = timeline;
  const looksAt = new Set(useOf(ruleOf(alert).expr).metrics.map(({ name }) => name));
  expect(samples.some(({ name }) => looksAt.has(name))).toBe(true);
  const series = samples.map((sample) =>
    looksAt.has(sample.name)
      ? seriesOf(sample, `${values ?? `${sample.value}x${minutes}`} stale`)
      : seriesOf(sample, `${sample.value}x${minutes + 5}`),
  );
  const { code, stdout, stderr } = await testAlert(folder.path, rulesPath, {
    alert,
    start,
    series,
    firing: [
      ...(from === 0 ? [] : [{ minute: from - 1, alerts: [] }]),
      { minute: from, alerts },
      { minute: minutes, alerts },
      { minute: minutes + 1, alerts: [] },
    ],
  });
  expect(stdout + stderr).toContain('SUCCESS');
  expect(code).toBe(0);
}

/** The labels of an alert on a running container. */
const runs = (name: Worth, reason: string): object => ({
  namespace: scenario.id,
  workload_kind: 'Deployment',
  workload: name,
  container: 'app',
  image: world.image(name).reference,
  reason,
});

describe('on what the operator exports', () => {
  it('promtool has nothing against the rules', async () => {
    const { code, stdout, stderr } = await runTool('promtool', ['check', 'rules', '--lint-fatal', rulesPath]);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain(`SUCCESS: ${rules.size} rules found`);
  });

  it('promtool has nothing against the metrics', async () => {
    const own = scrape.split('\n').filter((line) => /^(?:# (?:HELP|TYPE) )?sealwatch_/.test(line));
    const { code, stdout, stderr } = await runTool('promtool', ['check', 'metrics'], { stdin: `${own.join('\n')}\n` });
    expect([code, stdout, stderr]).toEqual([0, '', '']);
    // Those of the client library have names of their own, and are read all the same.
    const all = await runTool('promtool', ['check', 'metrics', '--extended', '--lint=none'], { stdin: scrape });
    expect([all.code, all.stderr]).toEqual([0, '']);
    expect(all.stdout).toContain('process_resident_memory_bytes');
  });

  it('an alert of a container names its workload, image and cause', async () => {
    const cases = [
      [
        'Revoked',
        'critical',
        'SigningJobRevoked',
        0,
        'runs an image whose signature was revoked',
        'Whoever revoked it says that it must not be trusted any more.',
      ],
      [
        'Expired',
        'warning',
        'SignatureExpired',
        5,
        'runs an image whose signature has expired',
        'Sign it anew, or roll out one that is signed.',
      ],
      [
        'Untrusted',
        'warning',
        'NotFromTrustStore',
        5,
        'runs an image that no signature makes trusted',
        'It is signed, but not by whom its policy names, or its signature is bad.',
      ],
      ['Unsigned', 'warning', 'NoSignature', 10, 'runs an image without a signature', 'Its policy wants one.'],
    ] as const;
    for (const [verdict, severity, reason, from, what, advice] of cases) {
      const name = verdict.toLowerCase() as Lowercase<typeof verdict>;
      const alert = `SealwatchImage${verdict}Running`;
      const summary = `Deployment ${scenario.id}/${name} ${what}`;
      const description = `Its container app runs ${world.image(name).reference}; cause: ${reason}. ${advice}`;
      await fireAndClear(alert, [firing(alert, severity, runs(name, reason), summary, description)], {
        from,
        minutes: from + 3,
      });
    }
  });

  it('SealwatchImageUnknown says that nothing is known, and why', async () => {
    const alert = 'SealwatchImageUnknown';
    const summary = `Whether Deployment ${scenario.id}/unknown runs a trusted image has not been known for 30 minutes`;
    const description = `Its container app runs ${world.image('unknown').reference}; cause: RegistryUnreachable. A registry, a certificate authority or AWS Signer could not be asked; nothing says that the image is bad.`;
    const labels = runs('unknown', 'RegistryUnreachable');
    await fireAndClear(alert, [firing(alert, 'warning', labels, summary, description)], { from: 30, minutes: 33 });
  });

  it('SealwatchSignatureExpiringSoon names the image, and neither one that expired nor one that holds for longer', async () => {
    const alert = 'SealwatchSignatureExpiringSoon';
    const { repository, digest } = world.image('trusted');
    const told = (left: string) => [
      firing(
        alert,
        'warning',
        { image: repository, digest },
        `The signature of ${repository} expires in ${left}`,
        `${repository}@${digest} is Expired then, wherever it runs. Sign it anew before.`,
      ),
    ];
    // So that it fires, an hour after, when three days are left.
    const start = new Date(world.expiresAt.getTime() - 3 * DAY_MS - 60 * 60_000);
    await fireAndClear(alert, told('3d 0h 0m 0s'), { start, from: 60, minutes: 60 });
  });

  it('SealwatchTrustStoreCertificateExpiring names the store and the certificate', async () => {
    const alert = 'SealwatchTrustStoreCertificateExpiring';
    const subject = 'CN=Old Root CA,O=Acme,ST=WA,C=US';
    const told = [
      firing(
        alert,
        'warning',
        { trust_store: 'old', subject },
        'A certificate of the TrustStore old expires in 9d 0h 0m 0s',
        `${subject}: signatures that are anchored in it are not trusted after that, unless a timestamp shows that they are older.`,
      ),
    ];
    const start = new Date(world.rootExpiresAt.getTime() - 9 * DAY_MS - 60 * 60_000);
    await fireAndClear(alert, told, { start, from: 60, minutes: 60 });
  });

  // Ages and lags grow by a second a second for as long as nothing is checked.
  it('SealwatchVerificationStalled fires once a verdict is three hours old for ten minutes', async () => {
    const alert = 'SealwatchVerificationStalled';
    const description =
      'Every image is verified anew each --verify-interval (1h). Verification does not keep up, or hangs.';
    const told = [firing(alert, 'warning', {}, 'A verdict is 3h 11m 0s old', description)];
    await fireAndClear(alert, told, { values: '0+60x191', from: 191, minutes: 191 });
  });

  it('SealwatchSweepLagging fires once a check is five minutes late for five minutes', async () => {
    const alert = 'SealwatchSweepLagging';
    const description =
      'A signature that is revoked now is told that much later. AWS Signer throttles or cannot be reached, or the sweep has too many signatures for its interval.';
    const told = [firing(alert, 'warning', {}, 'Revocation is checked 11m 0s late', description)];
    await fireAndClear(alert, told, { values: '0+60x11', from: 11, minutes: 11 });
  });

  it('SealwatchDown fires where no replica leads, whether none is scraped or none has the lease', async () => {
    const alert = 'SealwatchDown';
    const description = 'Nothing is signed, verified or watched. What was flagged before stays as it was told last.';
    const told = [firing(alert, 'critical', {}, 'No replica of Sealwatch leads', description)];
    expect(useOf(ruleOf(alert).expr).metrics.map(({ name }) => name)).toEqual(['sealwatch_leader']);
    const [leader, ...others] = samples.filter(({ name }) => name === 'sealwatch_leader');
    if (leader === undefined) throw new Error('expected a scrape that tells who leads');
    expect([leader.value, others]).toEqual([1, []]);
    for (const gone of ['stale _x5', '0x5']) {
      const { code, stdout, stderr } = await testAlert(folder.path, rulesPath, {
        alert,
        start: scrapedAt,
        series: [seriesOf(leader, `1x5 ${gone} 1x5`)],
        firing: [
          { minute: 5, alerts: [] },
          { minute: 7, alerts: [] },
          { minute: 8, alerts: told },
          { minute: 13, alerts: [] },
        ],
      });
      expect(stdout + stderr).toContain('SUCCESS');
      expect(code).toBe(0);
    }
  });

  it('no alert was left out', () => {
    expect([...tried].toSorted()).toEqual([...rules.keys()].toSorted());
  });

  it('an alert that would say something else would not pass', async () => {
    const alert = 'SealwatchDown';
    const { code } = await testAlert(folder.path, rulesPath, {
      alert,
      start: scrapedAt,
      series: [],
      firing: [{ minute: 5, alerts: [] }],
    });
    expect(code).toBe(1);
  });
});

describe('the runbooks', () => {
  it('name commands of kubectl that answer, and one that has a revoked image signed anew', async () => {
    const placeholders: Readonly<Record<string, string>> = {
      NAMESPACE: scenario.id,
      POD: world.pod('revoked'),
      REQUEST: 'revoked',
      NAME: 'old',
      DIGEST: world.image('revoked').digest,
    };
    const pages = await readdir(join(ROOT, 'docs/runbooks'));
    const texts = await Promise.all(pages.map((page) => readFile(join(ROOT, 'docs/runbooks', page), 'utf8')));
    const commands = new Set(
      texts.flatMap((text) => [...text.matchAll(/`(kubectl [^`]+)`/g)].map(([, one = '']) => one)),
    );
    expect(commands.size).toBeGreaterThan(8);
    for (const command of commands) {
      // The operator runs beside the cluster here.
      if (/logs|get pods -n sealwatch-system/.test(command)) continue;
      const filled = command.replaceAll(/\b[A-Z]{3,}\b/g, (word) => placeholders[word] ?? word);
      const script = `set -o pipefail; kubectl() { "$KUBECTL" "$@"; }; ${filled}`;
      const env = { KUBECTL: plane.address.kubectlPath, KUBECONFIG: plane.kubeconfigPath };
      const { code, stdout, stderr } = await runProgram('bash', ['-c', script], { env });
      expect([filled, code, stderr]).toEqual([filled, 0, '']);
      expect([filled, stdout.trim()]).not.toEqual([filled, '']);
    }
    await scenario.waitForPod(world.pod('revoked'), 'True', 'AllTrusted');
  });
});
