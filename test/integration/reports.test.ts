import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ReportPage } from '../../src/reporting/index.ts';
import { type ControlPlane, startControlPlane } from '../support/control-plane.ts';
import { type PushedImage, pushImage } from '../support/images.ts';
import { waitFor } from '../support/processes.ts';
import { type Scenario, startScenario } from '../support/scenario.ts';
import { localClient, signImage } from '../support/signed-images.ts';

type Api = 'wgpolicyk8s.io/v1alpha2' | 'openreports.io/v1alpha1';
type StoredReport = ReportPage & {
  readonly metadata: { readonly uid: string; readonly resourceVersion: string };
};

const PLURALS: Readonly<Record<Api, string>> = {
  'wgpolicyk8s.io/v1alpha2': 'policyreports',
  'openreports.io/v1alpha1': 'reports',
};
const BOTH = Object.keys(PLURALS) as Api[];

let plane: ControlPlane;
let scenario: Scenario;
const images = new Map<string, PushedImage>();

beforeAll(async () => {
  plane = await startControlPlane({ auditLog: true });
  await plane.installCrds();
  await installReports('policyreports');
  scenario = await startScenario(plane, 'verdicts', { args: ['--reports=auto', '--verify-interval=2s'] });
  await scenario.trust({ repositories: ['team/app'] });
  for (const name of ['signed', 'unsigned'])
    images.set(name, await pushImage(scenario.registry.host, 'team/app', name));
  images.set('uncovered', await pushImage(scenario.registry.host, 'other/app', 'v1'));
  await signImage(localClient(), image('signed'), scenario.chain);
});
afterAll(async () => {
  await scenario?.stop();
  await plane?.stop();
});

function image(name: string): PushedImage {
  const found = images.get(name);
  if (found === undefined) throw new Error(`no image ${name}`);
  return found;
}

async function installReports(name: 'policyreports' | 'openreports'): Promise<void> {
  await plane.apply(await readFile(join(import.meta.dirname, `../support/report-crds/${name}.yaml`), 'utf8'));
}

function run(pod: string, name: string): Promise<void> {
  const { reference, repository, digest } = image(name);
  return scenario.runPod(pod, { app: { image: reference, imageID: `${repository}@${digest}` } });
}

function path(api: Api, name = 'sealwatch'): string {
  return `/apis/${api}/namespaces/${scenario.id}/${PLURALS[api]}/${name}`;
}

/** The report, or undefined where there is none, or the API is not served. */
async function reportOf(api: Api): Promise<StoredReport | undefined> {
  try {
    return await plane.read<StoredReport>(path(api));
  } catch (error) {
    if (error instanceof Error && error.message.includes(': 404')) return undefined;
    throw error;
  }
}

/** Waits until a report counts so. */
function waitForCounts(api: Api, counts: Partial<ReportPage['summary']>): Promise<StoredReport> {
  return waitFor(
    `the report of ${api} to count ${JSON.stringify(counts)}`,
    async () => {
      const report = await reportOf(api);
      const wanted = { pass: 0, fail: 0, warn: 0, error: 0, skip: 0, ...counts };
      return JSON.stringify(sorted(report?.summary)) === JSON.stringify(sorted(wanted)) ? report : undefined;
    },
    60_000,
  );
}
const sorted = (value: object = {}) => Object.entries(value).sort();

/** Writes of reports by the operator. */
async function writes(): Promise<readonly string[]> {
  const lines = (await readFile(plane.auditLogPath, 'utf8')).trim().split('\n');
  return lines
    .map((line) => JSON.parse(line) as { verb: string; userAgent?: string; requestURI: string })
    .filter(
      ({ userAgent, verb }) => userAgent?.startsWith('sealwatch/') === true && /^(create|patch|delete)$/.test(verb),
    )
    .filter(({ requestURI }) => requestURI.includes('reports'))
    .map(({ verb, requestURI }) => `${verb} ${requestURI.split('?')[0]}`);
}

it('shows each verdict, with policy, statement, cause, workload and digest', async () => {
  await scenario.apply({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: scenario.id },
    spec: {
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'app', image: 'x' }] } },
    },
  });
  const { metadata } = await plane.get<{ metadata: { uid: string } }>('deployment', 'web', '-n', scenario.id);
  await run('web-1', 'unsigned');
  const ownerReferences = [
    { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', uid: metadata.uid, controller: true },
  ];
  await plane.ok(['patch', 'pod', 'web-1', '-n', scenario.id, '-p', JSON.stringify({ metadata: { ownerReferences } })]);
  await run('good', 'signed');
  await run('other', 'uncovered');

  const report = await waitForCounts('wgpolicyk8s.io/v1alpha2', { pass: 1, fail: 1, skip: 1 });
  const resultOf = (word: string) => report.results.find(({ result }) => result === word);
  expect(resultOf('fail')).toEqual({
    source: 'sealwatch',
    policy: scenario.id,
    rule: 'images',
    category: 'Image signatures',
    result: 'fail',
    severity: 'high',
    scored: true,
    message: 'the image has no Notary Project signature',
    resources: [{ apiVersion: 'apps/v1', kind: 'Deployment', namespace: scenario.id, name: 'web', uid: metadata.uid }],
    properties: {
      verdict: 'Unsigned',
      reason: 'NoSignature',
      container: 'app',
      image: image('unsigned').reference,
      digest: image('unsigned').digest,
    },
    timestamp: { seconds: expect.any(Number), nanos: 0 },
  });
  expect(resultOf('pass')).toMatchObject({
    policy: scenario.id,
    resources: [{ kind: 'Pod', name: 'good' }],
    properties: { verdict: 'Trusted', digest: image('signed').digest },
  });
  expect(resultOf('skip')).toMatchObject({ policy: 'sealwatch', properties: { verdict: 'Uncovered' } });
  expect(await plane.ok(['get', 'polr', '-n', scenario.id])).toMatch(/sealwatch +1 +1 +0 +0 +1 /);
});

it('is in an API that is installed later too, and is no fault before', async () => {
  expect((await scenario.operator.fetch('/readyz')).text).not.toMatch(/^reports:/m);
  expect(await scenario.operator.metric('sealwatch_watch_state{resource="reports"')).toBeUndefined();
  await installReports('openreports');
  const report = await waitForCounts('openreports.io/v1alpha1', { pass: 1, fail: 1, skip: 1 });
  expect(report.results).toEqual((await reportOf('wgpolicyk8s.io/v1alpha2'))?.results);
  expect((await scenario.operator.fetch('/readyz')).text).toMatch(/^reports: Watching$/m);
});

it('follows a verdict, and a rollout by few writes', async () => {
  const before = (await writes()).length;
  for (let i = 0; i < 8; i += 1) await run(`rollout-${i}`, 'signed');
  await signImage(localClient(), image('unsigned'), scenario.chain);
  for (const api of BOTH) await waitForCounts(api, { pass: 10, skip: 1 });
  const since = (await writes()).slice(before);
  // kubectl took a second or two for each pod: a write in five seconds and API at most.
  expect(since.length).toBeLessThan(12);
  expect(new Set(since)).toEqual(new Set(BOTH.map((api) => `patch ${path(api)}`)));
});

it('is put right when somebody changes or deletes it', async () => {
  const [one, other] = ['wgpolicyk8s.io/v1alpha2', 'openreports.io/v1alpha1'] as const;
  const before = await reportOf(one);
  await plane.ok(['patch', 'polr', 'sealwatch', '-n', scenario.id, '--type=merge', '-p', '{"results": []}']);
  const uid = (await reportOf(other))?.metadata.uid;
  await plane.ok(['delete', 'reps', 'sealwatch', '-n', scenario.id]);
  await waitFor('both to be as before', async () => {
    const [first, second] = [await reportOf(one), await reportOf(other)];
    return first?.results?.length === 11 && second?.results?.length === 11 && second.metadata.uid !== uid
      ? true
      : undefined;
  });
  expect((await reportOf(one))?.results).toEqual(before?.results);
});

it('is not written by an operator that starts anew and finds the same', async () => {
  const count = (await writes()).length;
  await scenario.restartOperator();
  const metric = (name: string, labels: string) => scenario.operator.metric(`sealwatch_${name}{${labels}}`);
  await waitFor(
    'every report to be looked at',
    async () => {
      const done = await metric('reconcile_total', 'controller="report",result="success"');
      const left = await Promise.all(
        ['depth', 'running', 'delayed'].map((state) => metric(`queue_${state}`, 'queue="report"')),
      );
      return (done ?? 0) > 0 && left.every((keys) => keys === 0) ? true : undefined;
    },
    60_000,
  );
  expect((await writes()).slice(count)).toEqual([]);
  await run('last', 'uncovered');
  for (const api of BOTH) await waitForCounts(api, { pass: 10, skip: 2 });
  expect((await writes()).slice(count)).toEqual(BOTH.map((api) => `patch ${path(api)}`));
});

it('goes when there is nothing to tell', async () => {
  await plane.ok(['delete', 'pods', '--all', '-n', scenario.id, '--grace-period=0', '--force']);
  for (const api of BOTH)
    await waitFor(`no report of ${api}`, async () => ((await reportOf(api)) === undefined ? true : undefined));
});

it("leaves another tool's report of the same name as it is", async () => {
  const results = [{ policy: 'theirs', result: 'pass' }];
  const metadata = { name: 'sealwatch', namespace: scenario.id };
  await scenario.apply({ apiVersion: 'wgpolicyk8s.io/v1alpha2', kind: 'PolicyReport', metadata, results });
  await run('again', 'signed');
  await waitForCounts('openreports.io/v1alpha1', { pass: 1 });
  await waitFor(
    'it to be said',
    async () => scenario.operator.process.output.includes('there is another report') || undefined,
  );
  expect((await reportOf('wgpolicyk8s.io/v1alpha2'))?.results).toEqual(results);
});
