import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { KubernetesClient } from '../../../src/kubernetes/client.ts';
import type { RequestEvent } from '../../../src/kubernetes/request-hook.ts';
import { CONFIG_MAPS, configMap, json, list, refuse, WireServer, watch } from './wire-server.ts';

describe('KubernetesClient', () => {
  let server: WireServer;
  let client: KubernetesClient;
  let folder: string;
  const events: RequestEvent[] = [];

  beforeEach(async () => {
    server = await WireServer.start();
    folder = await mkdtemp(join(tmpdir(), 'sealwatch-client-'));
    events.length = 0;
    client = create({ name: 'test', token: 'secret' });
  });

  afterEach(async () => {
    await client.close();
    await server.stop();
    await rm(folder, { recursive: true });
  });

  function create(user: object): KubernetesClient {
    return new KubernetesClient(server.kubeConfig(user), {
      userAgent: 'sealwatch/0.1.0',
      onRequest: (event) => events.push(event),
    });
  }

  it('sends path, token and User-Agent, and reads the object', async () => {
    server.answer = json(200, configMap('a', '1'));
    expect(await client.get(CONFIG_MAPS, 'default/a')).toEqual(configMap('a', '1'));
    expect(server.requests[0]).toMatchObject({
      method: 'GET',
      path: '/api/v1/namespaces/default/configmaps/a',
      headers: { authorization: 'Bearer secret', 'user-agent': 'sealwatch/0.1.0', accept: 'application/json' },
    });
  });

  it('asks for metadata alone', async () => {
    server.answer = json(200, configMap('a', '1'));
    await client.getPartial(CONFIG_MAPS, 'default/a');
    expect(server.requests[0]?.headers.accept).toBe('application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1');
  });

  it('creates, patches and deletes', async () => {
    server.answer = json(200, configMap('a', '1'));
    await client.create(CONFIG_MAPS, { metadata: { namespace: 'default' } });
    await client.patch(CONFIG_MAPS, 'default/a', {
      contentType: 'application/apply-patch+yaml',
      subresource: 'status',
      body: { x: 1 },
      query: { fieldManager: 'sealwatch', force: true },
    });
    await client.delete(CONFIG_MAPS, 'default/a', { uid: 'u' });
    const [create, patch, remove] = server.requests;
    expect(create).toMatchObject({ method: 'POST', path: '/api/v1/namespaces/default/configmaps' });
    expect(patch).toMatchObject({
      method: 'PATCH',
      path: '/api/v1/namespaces/default/configmaps/a/status',
      body: '{"x":1}',
    });
    expect(patch?.headers['content-type']).toBe('application/apply-patch+yaml');
    expect(patch?.query.toString()).toBe('fieldManager=sealwatch&force=true');
    expect(remove).toMatchObject({ method: 'DELETE', body: '{"preconditions":{"uid":"u"}}' });
  });

  it('tells of each request', async () => {
    server.answer = refuse(404, 'NotFound');
    await client.get(CONFIG_MAPS, 'default/a').catch(() => {});
    server.answer = list([], '1');
    await client.list(CONFIG_MAPS);
    server.answer = json(200, configMap('a', '1'));
    await client.patch(CONFIG_MAPS, 'default/a', {
      contentType: 'application/merge-patch+json',
      subresource: 'status',
      body: {},
    });
    expect(events.map(({ method, operation, resource, status }) => [method, operation, resource, status])).toEqual([
      ['GET', 'get', 'configmaps', 404],
      ['GET', 'list', 'configmaps', 200],
      ['PATCH', 'patch', 'configmaps/status', 200],
    ]);
  });

  it.each([
    ['as metav1.Status', refuse(409, 'Conflict'), 'Conflict', 'Conflict said the server'],
    [
      'as a page of a proxy',
      (r: import('node:http').ServerResponse) => r.writeHead(409).end('<html>'),
      'Conflict',
      '409',
    ],
  ])('throws what the API server says %s', async (_how, answer, reason, message) => {
    server.answer = answer;
    await expect(client.get(CONFIG_MAPS, 'default/a')).rejects.toMatchObject({
      name: 'ApiError',
      status: 409,
      reason,
      message: expect.stringContaining(message),
    });
  });

  it('reads the token again on 401 and tries once more (faults.md 6)', async () => {
    const tokenFile = join(folder, 'token');
    await writeFile(tokenFile, 'old\n');
    client = create({ name: 'test', authProvider: { name: 'tokenFile', config: { tokenFile } } });
    server.answer = (response, request) => {
      const good = request.headers.authorization === 'Bearer new';
      (good ? json(200, configMap('a', '1')) : refuse(401, 'Unauthorized'))(response, request);
    };
    await writeFile(tokenFile, 'old\n');
    await expect(client.get(CONFIG_MAPS, 'default/a')).rejects.toMatchObject({ status: 401 });
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual(['Bearer old', 'Bearer old']);

    await writeFile(tokenFile, 'new\n');
    await client.get(CONFIG_MAPS, 'default/a');
    expect(server.requests.map(({ headers }) => headers.authorization).slice(2)).toEqual(['Bearer old', 'Bearer new']);
  });

  it('reads the token again when a watch answers 401 (faults.md 6)', async () => {
    const tokenFile = join(folder, 'token');
    await writeFile(tokenFile, 'old');
    client = create({ name: 'test', authProvider: { name: 'tokenFile', config: { tokenFile } } });
    server.answer = (response, request) => {
      const good = request.headers.authorization === 'Bearer new';
      if (!good) {
        void writeFile(tokenFile, 'new').then(() => refuse(401, 'Unauthorized')(response, request));
      } else {
        watch([], 'stay')(response, request);
      }
    };
    const stream = await client.watch(
      CONFIG_MAPS,
      { resourceVersion: '1', timeoutSeconds: 60 },
      new AbortController().signal,
    );
    stream.close();
    expect(server.requests).toHaveLength(2);
  });

  it('says which credentials cannot be read, and recovers', async () => {
    const tokenFile = join(folder, 'token');
    client = create({ name: 'test', authProvider: { name: 'tokenFile', config: { tokenFile } } });
    await expect(client.get(CONFIG_MAPS, 'default/a')).rejects.toMatchObject({
      reason: 'Unreachable',
      message: expect.stringContaining(tokenFile),
    });
    await writeFile(tokenFile, 'there');
    server.answer = json(200, configMap('a', '1'));
    await client.get(CONFIG_MAPS, 'default/a');
  });

  it('gives up at its deadline, before the answer and within it', async () => {
    server.answer = () => {};
    await expect(client.get(CONFIG_MAPS, 'default/a', { timeoutMs: 50 })).rejects.toMatchObject({ reason: 'Timeout' });
    server.answer = (response) => response.writeHead(200).write('{');
    await expect(client.get(CONFIG_MAPS, 'default/a', { timeoutMs: 50 })).rejects.toMatchObject({ reason: 'Timeout' });
    expect(events.map(({ status }) => status)).toEqual([0, 0]);
  });

  it("throws the caller's own reason when the caller aborts", async () => {
    server.answer = () => {};
    const controller = new AbortController();
    const reason = new Error('shutting down');
    const request = client.get(CONFIG_MAPS, 'default/a', { signal: controller.signal });
    await vi.waitFor(() => expect(server.requests).toHaveLength(1));
    controller.abort(reason);
    await expect(request).rejects.toBe(reason);
    await expect(client.get(CONFIG_MAPS, 'default/a', { signal: controller.signal })).rejects.toBe(reason);
    expect(server.requests).toHaveLength(1);
  });

  it('refuses an answer over its bound while reading', async () => {
    let sent = 0;
    server.answer = (response) => {
      response.writeHead(200);
      const send = () => {
        sent += 1024 * 1024;
        response.write(Buffer.alloc(1024 * 1024, 0x20), () => !response.destroyed && sent < 2 ** 27 && send());
      };
      send();
    };
    await expect(client.get(CONFIG_MAPS, 'default/a')).rejects.toMatchObject({ reason: 'TooLarge' });
    expect(sent).toBeLessThan(2 ** 27);
  });

  it.each([
    ['text', 'upstream connect error'],
    ['cut JSON', '{"metadata":{'],
  ])('takes %s for an invalid answer', async (_what, body) => {
    server.answer = (response) => response.writeHead(200).end(body);
    await expect(client.get(CONFIG_MAPS, 'default/a')).rejects.toMatchObject({ status: 0, reason: 'InvalidAnswer' });
  });

  it('takes an answer that breaks off for an unreachable server', async () => {
    server.answer = (response) => {
      response.writeHead(200, { 'Content-Length': '100' });
      response.write('{', () => response.socket?.destroy());
    };
    await expect(client.get(CONFIG_MAPS, 'default/a')).rejects.toMatchObject({ status: 0, reason: 'Unreachable' });
  });

  it('follows no redirect', async () => {
    server.answer = (response) => response.writeHead(302, { Location: '/elsewhere' }).end();
    await expect(client.get(CONFIG_MAPS, 'default/a')).rejects.toMatchObject({ status: 302 });
    expect(server.requests).toHaveLength(1);
  });

  it('says what to do when the kubeconfig names no cluster', async () => {
    const { KubeConfig } = await import('@kubernetes/client-node');
    const empty = new KubeConfig();
    empty.loadFromOptions({ clusters: [], users: [], contexts: [], currentContext: 'none' });
    expect(() => new KubernetesClient(empty, { userAgent: 'x' })).toThrow('set current-context');
  });
});
