import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { parseConfig } from '../../src/config.ts';
import { writeApiSchemas } from '../support/api-schemas.ts';
import { type ControlPlane, startControlPlane } from '../support/control-plane.ts';
import { runTool, toolOutput } from '../support/program.ts';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts';

const ROOT = join(import.meta.dirname, '../..');
const CHART = join(ROOT, 'charts/sealwatch');
const NAMESPACE = 'sealwatch-system';

interface Manifest {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
}

let plane: ControlPlane;
let schemas: TemporaryFolder;

beforeAll(async () => {
  plane = await startControlPlane({ controllerManager: true });
  await plane.installCrds();
  schemas = await temporaryFolder('schemas');
  await writeApiSchemas(plane, schemas.path);
});

afterAll(async () => {
  await schemas.remove();
  await plane.stop();
});

const render = (...set: string[]): Promise<string> =>
  toolOutput('helm', ['template', 'sealwatch', CHART, '-n', NAMESPACE, ...set.flatMap((each) => ['--set', each])]);

const manifestsOf = (text: string): Manifest[] =>
  parseAllDocuments(text)
    .map((document) => document.toJS() as Manifest | null)
    .filter((manifest) => manifest !== null);

const EVERYTHING = [
  'metrics.serviceMonitor.enabled=true',
  'metrics.prometheusRule.enabled=true',
  'metrics.dashboard.enabled=true',
  'registry.credentialsSecret=registry',
  'registry.caSecret=registry-ca',
  'rbac.namespaces={shop,tools}',
  'settings.log-level=debug',
];

describe('the chart', () => {
  it('passes helm lint', async () => {
    const { code, stdout } = await runTool('helm', ['lint', '--strict', CHART]);
    expect([code, stdout]).toEqual([0, expect.stringContaining('0 chart(s) failed')]);
  });

  it.each([
    ['by default', []],
    ['with everything on', EVERYTHING],
  ])('renders what the API server knows, field by field, %s', async (_name, set) => {
    const { code, stdout } = await conform(await render(...set));
    expect([code, stdout]).toEqual([0, expect.stringMatching(/Invalid: 0, Errors: 0/)]);
  });

  it('that misspells a field would not pass', async () => {
    const text = (await render()).replace('replicas: 2', 'replicaz: 2');
    const { code, stdout } = await conform(text);
    expect([code, stdout]).toEqual([1, expect.stringContaining('replicaz')]);
  });

  it('renders the same objects as config/default', async () => {
    const chart = byName(manifestsOf(await render()));
    const folder = byName(manifestsOf(await plane.ok(['kustomize', join(ROOT, 'config/default')])));
    folder.delete(`Namespace/${NAMESPACE}`);
    expect([...chart.keys()].toSorted()).toEqual([...folder.keys()].toSorted());
    for (const [name, manifest] of folder) expect(chart.get(name), name).toEqual(manifest);
  });

  it('renders the same rules as config/prometheus', async () => {
    const set = ['metrics.serviceMonitor.enabled=true', 'metrics.prometheusRule.enabled=true'];
    const chart = byName(manifestsOf(await render(...set)));
    const folder = byName(manifestsOf(await plane.ok(['kustomize', join(ROOT, 'config/prometheus')])));
    expect(folder.size).toBe(2);
    for (const [name, manifest] of folder) expect(chart.get(name), name).toEqual(manifest);
  });

  it('knows every flag of the operator as a setting, and no other', async () => {
    const help = parseConfig(['--help'], {});
    const flags =
      help.kind === 'help' ? [...help.text.matchAll(/^ {2}--([a-z0-9-]+)[ []/gm)].map(([, flag]) => flag) : [];
    // What the chart sets by values of its own.
    const own = new Set([
      'config',
      'help',
      'lease-name',
      'lease-namespace',
      'listen-address',
      'registry-ca',
      'registry-config',
      'revocation-cache-dir',
      'verdict-cache-dir',
      'version',
      'watch-namespaces',
    ]);
    const schema = JSON.parse(await readFile(join(CHART, 'values.schema.json'), 'utf8')) as {
      readonly properties: { readonly settings: { readonly properties: Readonly<Record<string, unknown>> } };
    };
    const known = Object.keys(schema.properties.settings.properties);
    expect(known.toSorted()).toEqual(flags.filter((flag) => flag !== undefined && !own.has(flag)).toSorted());
  });

  it('writes settings as flags that the operator reads', async () => {
    const text = await render(
      'settings.sweep-interval=2m',
      'settings.pull-secrets={shop,tools}',
      'settings.max-signatures=200',
    );
    const deployment = manifestsOf(text).find(({ kind }) => kind === 'Deployment') as unknown as DeploymentManifest;
    const [command, ...flags] = deployment.spec.template.spec.containers[0]?.args ?? [];
    expect(command).toBe('operator');
    const parsed = parseConfig(flags, {});
    expect(parsed).toMatchObject({
      kind: 'config',
      config: { sweepIntervalMs: 120_000, pullSecrets: ['shop', 'tools'], maxSignatures: 200 },
    });
  });

  it.each([
    ['replicaCount=two', /replicaCount/],
    ['settings.sweep-intervall=2m', /sweep-intervall/],
    ['image.digest=latest', /digest/],
    ['rbac.namespaces={Shop}', /rbac\/namespaces|namespaces\/0/],
    ['serviceAccount.create=false', /serviceAccount\.name: expected the name of a ServiceAccount/],
  ])('refuses %s and says which value is wrong', async (set, message) => {
    const { code, stderr } = await runTool('helm', ['template', 'sealwatch', CHART, '--set', set]);
    expect(code).toBe(1);
    expect(stderr).toMatch(message);
  });

  it('for some namespaces reaches into no other', async () => {
    const roles = manifestsOf(await render('rbac.namespaces={shop}')).filter(({ kind }) => /Role$/.test(kind));
    const cluster = roles.find(({ kind, metadata }) => kind === 'ClusterRole' && metadata.name === 'sealwatch');
    expect(JSON.stringify(cluster)).not.toMatch(/pods|secrets|events/);
    const inShop = roles.find(({ kind, metadata }) => kind === 'Role' && metadata.namespace === 'shop');
    expect(JSON.stringify(inShop)).toMatch(/pods\/status/);
  });
});

interface DeploymentManifest {
  readonly spec: {
    readonly template: { readonly spec: { readonly containers: readonly { readonly args: readonly string[] }[] } };
  };
}

async function conform(text: string): ReturnType<typeof runTool> {
  const location = join(schemas.path, '{{.ResourceKind}}{{.KindSuffix}}.json');
  // Kinds of the Prometheus operator are not served here; promtool reads the rules.
  const skip = 'ServiceMonitor,PrometheusRule';
  return runTool('kubeconform', ['-summary', '-skip', skip, '-schema-location', location, '-'], { stdin: text });
}

/** By kind, namespace and name, without what only Helm adds. */
function byName(manifests: readonly Manifest[]): Map<string, unknown> {
  return new Map(
    manifests.map((manifest) => {
      const { namespace, name } = manifest.metadata;
      const key = [manifest.kind, namespace, name].filter((part) => part !== undefined).join('/');
      return [key, withoutHelm(manifest)];
    }),
  );
}

const HELM = /^(?:helm\.sh\/|app\.kubernetes\.io\/(?:instance|version|managed-by)$)/;
/** Stands on every object of the chart, and matters where a selector reads it. */
const NAME = 'app.kubernetes.io/name';

function withoutHelm(manifest: Manifest): unknown {
  const { [NAME]: _name, ...labels } = manifest.metadata.labels ?? {};
  const value = { ...manifest, metadata: { ...manifest.metadata, labels } };
  const text = JSON.stringify(value, (key, each: unknown) => {
    // Comments of a file within a ConfigMap say nothing to the operator.
    if (key === 'config.yaml') return parse(String(each)) as unknown;
    return HELM.test(key) ? undefined : each;
  });
  // Labels or annotations that were Helm's alone leave an empty map.
  return JSON.parse(text, (key, each: unknown) =>
    (key === 'labels' || key === 'annotations') && Object.keys(Object(each)).length === 0 ? undefined : each,
  );
}
