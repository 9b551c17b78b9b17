import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ControlPlane, startControlPlane } from '../support/control-plane.ts';
import { pushImage } from '../support/images.ts';
import { waitFor } from '../support/processes.ts';
import { REGISTRY_KINDS, type Registry, startRegistry } from '../support/registries.ts';
import { sharedControlPlane } from '../support/shared-control-plane.ts';

const BASIC = { username: 'robot', password: 'correct horse' };

describe('the control plane that integration tests share', () => {
  const plane = sharedControlPlane();

  it('serves our kinds', async () => {
    const names = await plane.ok(['api-resources', '--api-group=sealwatch.dev', '-o', 'name']);
    expect(names.trim().split('\n').toSorted()).toEqual([
      'imagesignaturerequests.sealwatch.dev',
      'trustpolicies.sealwatch.dev',
      'truststores.sealwatch.dev',
    ]);
  });

  it('makes Pods of a Deployment', async () => {
    await plane.ok(['create', 'namespace', 'harness']);
    await plane.ok(['create', 'deployment', 'web', '-n', 'harness', '--image=registry.example/web:1']);
    await plane.ok(['wait', '-n', 'harness', '--for=create', 'pod', '-l', 'app=web', '--timeout=30s']);
    await plane.ok(['delete', 'namespace', 'harness', '--timeout=60s']);
  });

  it('tells kubectl what is refused', async () => {
    expect(await plane.kubectl(['get', 'pod', 'nobody'])).toEqual({
      code: 1,
      stdout: '',
      stderr: 'Error from server (NotFound): pods "nobody" not found\n',
    });
  });
});

describe('a control plane of a test of its own', () => {
  let plane: ControlPlane;

  beforeAll(async () => {
    plane = await startControlPlane({ auditLog: true });
  });
  afterAll(() => plane?.stop());

  it('lets a ServiceAccount do what RBAC lets it', async () => {
    await plane.ok(['create', 'serviceaccount', 'reader', '-n', 'default']);
    const kubeconfig = await plane.kubeconfigFor(await plane.tokenFor('default', 'reader'));
    const canI = async (verb: string): Promise<string> =>
      (await plane.kubectl(['auth', 'can-i', verb, 'pods', '--kubeconfig', kubeconfig])).stdout.trim();
    expect(await canI('list')).toBe('no');
    await plane.ok(['create', 'role', 'reader', '--verb=list', '--resource=pods']);
    await plane.ok(['create', 'rolebinding', 'reader', '--role=reader', '--serviceaccount=default:reader']);
    await waitFor('RBAC to take effect', async () => (await canI('list')) === 'yes');
    expect(await canI('delete')).toBe('no');

    const audit = (await readFile(plane.auditLogPath, 'utf8')).trim().split('\n');
    const users = audit.map((line) => (JSON.parse(line) as { user: { username: string } }).user.username);
    expect(users).toContain('system:serviceaccount:default:reader');
  });
});

describe('registries', () => {
  const registries: Registry[] = [];
  afterAll(() => Promise.all(registries.map((each) => each.stop())));
  const start = async (...parameters: Parameters<typeof startRegistry>): Promise<Registry> => {
    const registry = await startRegistry(...parameters);
    registries.push(registry);
    return registry;
  };

  it('take a real image and an index, and give them back under the same digest', async () => {
    const hosts = await Promise.all(REGISTRY_KINDS.map(async (kind) => (await start(kind)).host));
    const platforms = ['linux/amd64', 'linux/arm64'];
    for (const options of [{ content: 'same' }, { content: 'same', platforms }]) {
      const [first, second] = await Promise.all(hosts.map((host) => pushImage(host, 'team/app', 'v1', options)));
      expect(second?.digest).toBe(first?.digest);
      for (const host of hosts) {
        const accept = first?.mediaType ?? '';
        const answer = await fetch(`http://${host}/v2/team/app/manifests/v1`, { headers: { accept } });
        expect(answer.headers.get('docker-content-digest')).toBe(first?.digest);
        expect(answer.headers.get('content-type')).toBe(first?.mediaType);
        expect((await answer.arrayBuffer()).byteLength).toBe(first?.size);
      }
    }
  });

  it('differ in the Referrers API alone', async () => {
    const statuses = REGISTRY_KINDS.map(async (kind) => {
      const { host } = await start(kind);
      const { digest } = await pushImage(host, 'team/app', 'v1');
      return (await fetch(`http://${host}/v2/team/app/referrers/${digest}`)).status;
    });
    expect(await Promise.all(statuses)).toEqual([200, 404]);
  });

  it.each(REGISTRY_KINDS)('ask for a password where told to (%s)', async (kind) => {
    const { host } = await start(kind, { basic: BASIC });
    const push = (basic?: typeof BASIC) => pushImage(host, 'team/app', 'v1', basic === undefined ? {} : { basic });
    expect((await fetch(`http://${host}/v2/`)).headers.get('www-authenticate')).toMatch(/^basic /i);
    await expect(push()).rejects.toThrow(/401|unauthorized|credential/i);
    await expect(push({ ...BASIC, password: 'wrong' })).rejects.toThrow(/401|unauthorized|denied/i);
    await expect(push(BASIC)).resolves.toMatchObject({ reference: `${host}/team/app:v1` });
  });
});
