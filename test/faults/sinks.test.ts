import { connect, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type ControlPlane, startControlPlane } from '../support/control-plane.ts';
import { type EventsProxy, startEventsProxy } from '../support/events-proxy.ts';
import { type PushedImage, pushImage } from '../support/images.ts';
import { waitFor } from '../support/processes.ts';
import { type Scenario, startScenario } from '../support/scenario.ts';

const MIB = 1024 * 1024;
/** What the recorder holds at most. */
const MAX_QUEUED = 1_000;

let plane: ControlPlane;
let proxy: EventsProxy;
let scenario: Scenario;
let image: PushedImage;
beforeAll(async () => {
  plane = await startControlPlane({ controllerManager: true });
  await plane.installCrds();
  proxy = await startEventsProxy(plane, await plane.operatorKubeconfig());
  scenario = await startScenario(plane, 'sinks', { kubeconfigPath: proxy.kubeconfigPath });
  await scenario.trust({ repositories: ['team/app'] });
  image = await pushImage(scenario.registry.host, 'team/app', 'v1');
});
afterAll(async () => {
  await scenario?.stop();
  await proxy?.stop();
  await plane?.stop();
});
afterEach(() => proxy.set('none'));

/** Runs an image that nobody signed. */
function runUnsigned(name: string, containers = 1): Promise<void> {
  const running = { image: image.reference, imageID: `${image.repository}@${image.digest}` };
  const names = Array.from({ length: containers }, (_, i) => `c${i}`);
  return scenario.runPod(name, Object.fromEntries(names.map((container) => [container, running])));
}

const isFlagged = (name: string) => scenario.waitForPod(name, 'False', 'Unsigned', 20_000);

async function memory(): Promise<number> {
  return (await scenario.operator.metric('process_resident_memory_bytes')) ?? Number.NaN;
}

describe('peers that block the port of probes and metrics', () => {
  const sockets: Socket[] = [];
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy();
  });

  async function open(text: string): Promise<void> {
    const socket = connect(scenario.operator.port, '127.0.0.1');
    sockets.push(socket);
    // It is cut off sooner or later: that is the point.
    socket.on('error', () => undefined);
    await new Promise<void>((resolve) => socket.once('connect', resolve));
    socket.pause();
    socket.write(text);
  }

  it('hundreds of scrapes that nobody reads and of requests that never end hold up no probe, no scrape and no reconcile (faults.md 51)', async () => {
    const before = await memory();
    const scrapes = 'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(50);
    for (let i = 0; i < 200; i += 1) await open(i % 2 === 0 ? scrapes : 'GET /metrics HTTP/1.1\r\nX: ');
    for (let i = 0; i < 5; i += 1) {
      await open(scrapes);
      expect((await scenario.operator.fetch('/healthz')).status).toBe(200);
      expect((await scenario.operator.fetch('/readyz')).status).toBe(200);
      await runUnsigned(`blocked-${i}`);
      await isFlagged(`blocked-${i}`);
    }
    expect(await scenario.operator.metric('sealwatch_flagged_containers_omitted')).toBe(0);
    expect((await memory()) - before).toBeLessThan(128 * MIB);
  });
});

describe('an API server that takes no events', () => {
  it.each(['hang', 500, 429] as const)(
    '%s: reconciles and status writes go on, and events that waited are written once it takes them (faults.md 51)',
    async (fault) => {
      proxy.set(fault);
      const hits = proxy.hits();
      const name = `events-${fault}`;
      await runUnsigned(name);
      await isFlagged(name);
      await waitFor('an event to be tried', () => proxy.hits() > hits);
      await scenario.request(name, { images: [image.reference] });
      await scenario.waitForRequest(name, 'Ready', 'False', 'SomeUnsigned');
      expect((await scenario.operator.fetch('/healthz')).status).toBe(200);
      expect(await scenario.eventNotes('Pod', name, 'ImageUnsigned')).toEqual([]);
      proxy.set('none');
      const notes = await waitFor(
        'the event to be written',
        async () => {
          const found = await scenario.eventNotes('Pod', name, 'ImageUnsigned');
          return found.length > 0 ? found : undefined;
        },
        60_000,
      );
      expect(notes).toEqual([expect.stringContaining(`container c0 runs ${image.reference}, which is not signed`)]);
    },
  );

  it('at most 1,000 events wait: the others are dropped, which metric and log say, and every pod is flagged all the same (faults.md 51)', async () => {
    proxy.set('hang');
    const [before, pods, containers] = [await memory(), 12, 100];
    for (let i = 0; i < pods; i += 1) await runUnsigned(`many-${i}`, containers);
    for (let i = 0; i < pods; i += 1) await isFlagged(`many-${i}`);
    const dropped = await waitFor('events to be dropped', async () => {
      const found = await scenario.operator.metric('sealwatch_events_dropped_total');
      return found !== undefined && found >= pods * containers - MAX_QUEUED - 1 ? found : undefined;
    });
    expect(dropped).toBeLessThan(pods * containers - MAX_QUEUED + 20);
    expect(scenario.operator.process.output).toContain('the queue of events is full');
    expect((await memory()) - before).toBeLessThan(128 * MIB);
    await runUnsigned('one-more');
    await isFlagged('one-more');

    proxy.set('none');
    // Those that waited come first; then there is room again.
    await waitFor('the queue to be written', async () => (await eventsAbout('many-')) >= MAX_QUEUED - 10, 90_000, 500);
    await runUnsigned('afterwards');
    await waitFor(
      'an event of a later pod',
      async () => (await scenario.eventNotes('Pod', 'afterwards', 'ImageUnsigned')).length === 1,
    );
  });
});

/** Events about pods whose name begins so. */
async function eventsAbout(prefix: string): Promise<number> {
  const { items } = await plane.get<{ readonly items: readonly { readonly regarding: { readonly name: string } }[] }>(
    'events.events.k8s.io',
    '-n',
    scenario.id,
  );
  return items.filter(({ regarding }) => regarding.name.startsWith(prefix)).length;
}
