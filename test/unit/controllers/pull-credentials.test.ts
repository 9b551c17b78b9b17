import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { KubernetesObject, ObjectKey } from '../../../src/api/object.ts';
import { PullCredentials, type PullCredentialsOptions } from '../../../src/controllers/pull-credentials.ts';
import { KubernetesClient } from '../../../src/kubernetes/client.ts';
import { candidatesOf } from '../../../src/oci/index.ts';
import { type ProjectedPod, projectPod } from '../../../src/workloads/index.ts';
import { WireServer } from '../kubernetes/wire-server.ts';

const IMAGE = `r.test/app@sha256:${'a'.repeat(64)}`;

let server: WireServer;
let client: KubernetesClient;
let objects: Map<string, object | number>;
let pods: Map<ObjectKey, ProjectedPod>;
beforeEach(async () => {
  server = await WireServer.start();
  client = new KubernetesClient(server.kubeConfig(), { userAgent: 'sealwatch/test' });
  objects = new Map();
  pods = new Map();
  server.answer = (response, { path }) => {
    const object = objects.get(path.replace('/api/v1/namespaces/', '')) ?? 404;
    const status = typeof object === 'number' ? object : 200;
    const body = status === 200 ? object : { kind: 'Status', status: 'Failure', code: status, message: 'no' };
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
});
afterEach(async () => {
  await client.close();
  await server.stop();
});

/** A Secret with one entry for r.test, whose user is named. */
function secret(where: string, user: string, key = '.dockerconfigjson'): void {
  const entry = { 'r.test': { auth: btoa(`${user}:p`) } };
  const text = JSON.stringify(key === '.dockercfg' ? entry : { auths: entry });
  const [namespace, name] = where.split('/');
  objects.set(`${namespace}/secrets/${name}`, { metadata: { name }, data: { [key]: btoa(text) } });
}
function account(where: string, ...names: readonly string[]): void {
  const [namespace, name] = where.split('/');
  const imagePullSecrets = names.map((each) => ({ name: each }));
  objects.set(`${namespace}/serviceaccounts/${name}`, { metadata: { name }, imagePullSecrets });
}
function pod(where: string, secrets: readonly string[], serviceAccountName = 'default'): void {
  const [namespace, name] = where.split('/');
  const spec = { containers: [], serviceAccountName, imagePullSecrets: secrets.map((each) => ({ name: each })) };
  pods.set(where, projectPod({ metadata: { name, namespace, uid: name }, spec } as unknown as KubernetesObject));
}
const create = (allowed: PullCredentialsOptions['allowed']): PullCredentials =>
  new PullCredentials({ allowed, kubernetes: client, podsOf: () => [...pods.keys()], pods });
async function usersOf(pull: PullCredentials, repository = 'app'): Promise<readonly string[]> {
  const users: string[] = [];
  for await (const candidate of candidatesOf(pull.of(IMAGE), 'r.test', repository, AbortSignal.timeout(10_000)))
    users.push(candidate.kind === 'basic' ? candidate.username : candidate.kind);
  return users;
}
const read = (): readonly string[] => server.requests.map(({ path }) => path.replace('/api/v1/namespaces/', ''));

describe('pull credentials of pods (design.md, "Security boundaries")', () => {
  it("are the pod's own, in their order, then its ServiceAccount's; of both types of Secret", async () => {
    pod('shop/p', ['a', 'b'], 'web');
    account('shop/web', 'c', 'a');
    secret('shop/a', 'ua');
    secret('shop/b', 'ub', '.dockercfg');
    secret('shop/c', 'uc');
    expect(await usersOf(create('all'))).toEqual(['ua', 'ub', 'uc']);
    expect(read()).toEqual(['shop/secrets/a', 'shop/secrets/b', 'shop/serviceaccounts/web', 'shop/secrets/c']);
  });

  it.each([
    ['none', []],
    [['other'], ['other/secrets/a', 'other/serviceaccounts/default']],
  ] as const)('are read in allowed namespaces only: %s', async (allowed, expected) => {
    for (const namespace of ['shop', 'other']) {
      pod(`${namespace}/p`, ['a']);
      secret(`${namespace}/a`, namespace);
      account(`${namespace}/default`);
    }
    const pull = create(allowed);
    await usersOf(pull);
    expect(read()).toEqual(expected);
    expect(pull.hint(IMAGE)).toContain('shop have pull secrets, which the operator reads only for namespaces of');
  });

  it('of each namespace get their turn, in bounds', async () => {
    const many = Array.from({ length: 32 }, (_, i) => `s${i}`);
    pod('bad/p', many.slice(0, 16));
    pod('bad/q', many.slice(16));
    pod('shop/p', ['a']);
    account('shop/default');
    for (const name of many) secret(`bad/${name}`, `bad-${name}`);
    secret('shop/a', 'good');
    const users = await usersOf(create('all'));
    expect([users.indexOf('good'), users.length]).toEqual([1, 23]);
    expect(read()).toHaveLength(24);
  });

  it('of one namespace leave the turn to the next also where they have many entries, none at all, or other ways', async () => {
    const entries = Object.fromEntries(
      ['', '/app', '/app/x'].map((path) => [`r.test${path}`, { auth: btoa('bad:p') }]),
    );
    const data = { '.dockerconfigjson': btoa(JSON.stringify({ auths: entries })) };
    const none = { '.dockerconfigjson': btoa('{"auths":{}}') };
    const many = Array.from({ length: 40 }, (_, i) => `s${i}`);
    pod('bad/p', many);
    for (const name of many) objects.set(`bad/secrets/${name}`, { metadata: {}, data });
    pod('worse/p', many.slice(0, 16));
    pod('worse/q', many.slice(16, 32));
    for (const name of many) objects.set(`worse/secrets/${name}`, { metadata: {}, data: none });
    for (const name of many) {
      pod(`worst/${name}`, [], name);
      account(`worst/${name}`);
    }
    // Its Secret is its ServiceAccount's: the last that is looked at.
    pod('shop/p', [], 'web');
    account('shop/web', 'a');
    secret('shop/a', 'good');
    expect((await usersOf(create('all'), 'app/x')).slice(0, 4)).toContain('good');
    expect(read().length).toBeLessThanOrEqual(24);
  });

  it.each(['', '.', '..', 'a/b', 'A', 'a%2fb', 'a b', `${'x'.repeat(300)}`])(
    'of a name that no object can have are said, and keep no others from serving: %j',
    async (name) => {
      pod('bad/p', [name], 'web');
      account('bad/web', name);
      pod('shop/p', ['a']);
      secret('shop/a', 'good');
      account('shop/default');
      const pull = create('all');
      expect(await usersOf(pull)).toEqual(['good']);
      expect(pull.hint(IMAGE)).toMatch(/Secret bad\/.*: expected a name/s);
      expect(read()).toEqual(expect.not.arrayContaining([expect.stringMatching(/^bad\/secrets/)]));
    },
  );

  it('of many images are read once', async () => {
    pod('shop/p', ['a']);
    secret('shop/a', 'ua');
    account('shop/default');
    const pull = create('all');
    await Promise.all(Array.from({ length: 20 }, () => usersOf(pull)));
    expect(read()).toHaveLength(2);
  });

  it('that are not there, not readable or not usable are said, and those behind them serve (faults.md 50)', async () => {
    pod('shop/p', ['gone', 'forbidden', 'broken', 'opaque', 'a'], 'missing');
    objects.set('shop/secrets/forbidden', 403);
    objects.set('shop/secrets/broken', { metadata: {}, data: { '.dockerconfigjson': btoa('{"hunter2') } });
    objects.set('shop/secrets/opaque', { metadata: {}, data: { password: btoa('hunter2') } });
    secret('shop/a', 'ua');
    const pull = create('all');
    expect(await usersOf(pull)).toEqual(['ua']);
    const hint = pull.hint(IMAGE) ?? '';
    for (const part of [
      'Secret shop/gone does not exist: create it',
      'may not read Secret shop/forbidden: grant it get',
      'Secret shop/broken: Docker config: expected JSON',
      'Secret shop/opaque: expected type kubernetes.io/dockerconfigjson',
      'ServiceAccount shop/missing does not exist',
    ])
      expect(hint).toContain(part);
    expect(hint).not.toContain('hunter2');
    await usersOf(pull, 'app');
    secret('shop/gone', 'back');
    expect(await usersOf(pull)).toEqual(['back', 'ua']);
    pull.forget(IMAGE);
    expect(pull.hint(IMAGE)).toBeUndefined();
  });

  it('with no entry for the image are said', async () => {
    pod('shop/p', ['a']);
    objects.set('shop/secrets/a', { metadata: {}, data: { '.dockerconfigjson': btoa('{"auths":{"x.test":{}}}') } });
    account('shop/default');
    const pull = create('all');
    expect(await usersOf(pull)).toEqual([]);
    expect(pull.hint(IMAGE)).toBe('Secret shop/a has no entry for r.test/app');
  });

  it('a fault of the Kubernetes API is no answer: it is thrown, and asked again', async () => {
    pod('shop/p', ['a']);
    objects.set('shop/secrets/a', 400);
    const pull = create('all');
    await expect(usersOf(pull)).rejects.toMatchObject({ status: 400 });
    secret('shop/a', 'ua');
    account('shop/default');
    expect(await usersOf(pull)).toEqual(['ua']);
  });
});
