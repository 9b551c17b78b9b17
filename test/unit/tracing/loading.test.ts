import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { writeKubeconfig } from '../../support/kubeconfig.ts';
import { freePort } from '../../support/ports.ts';
import { ManagedProcess } from '../../support/processes.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const ROOT = join(import.meta.dirname, '../../..');

/** The API alone is no tracing: the client of Prometheus loads it, and nothing listens to it. */
const TRACING = /@opentelemetry\/(?!api\/)|open-telemetry/;

/** Runs the operator until it serves, against a cluster that does not answer. @returns what of OpenTelemetry it loaded */
async function loadedBy(args: readonly string[]): Promise<{ readonly all: number; readonly tracing: string[] }> {
  const { path: folder, remove } = await temporaryFolder('modules');
  const recorded = join(folder, 'modules');
  const kubeconfig = await writeKubeconfig(folder, {
    server: `http://127.0.0.1:${await freePort()}`,
    ca: Buffer.from(''),
    token: 'none',
  });
  const operator = new ManagedProcess({
    name: 'sealwatch',
    command: process.execPath,
    args: [
      '--import',
      pathToFileURL(join(ROOT, 'test/support/record-modules.ts')).href,
      join(ROOT, 'src/main.ts'),
      ...['--listen-address', '127.0.0.1:0', ...args],
    ],
    env: { KUBECONFIG: kubeconfig, RECORDED_MODULES: recorded, OTEL_EXPORTER_OTLP_ENDPOINT: undefined },
  });
  await operator.waitForOutput(/probes and metrics are served/);
  expect(await operator.stop()).toBe(0);
  const modules = (await readFile(recorded, 'utf8')).split('\n');
  await remove();
  return { all: modules.length, tracing: modules.filter((url) => TRACING.test(url)) };
}

it("nothing of OpenTelemetry's SDK and exporter is loaded unless traces are wanted", async () => {
  const off = await loadedBy([]);
  expect(off.all).toBeGreaterThan(100);
  expect(off.tracing).toEqual([]);
  expect((await loadedBy(['--tracing'])).tracing.length).toBeGreaterThan(10);
});
