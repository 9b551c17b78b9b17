import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KubernetesClient } from '../../../src/kubernetes/client.ts';
import { StatusWriter } from '../../../src/kubernetes/status-writer.ts';
import { CONFIG_MAPS, configMap, json, refuse, WireServer } from './wire-server.ts';

describe('StatusWriter', () => {
  let server: WireServer;
  let client: KubernetesClient;
  let writer: StatusWriter;

  beforeEach(async () => {
    server = await WireServer.start();
    client = new KubernetesClient(server.kubeConfig(), { userAgent: 'sealwatch/test' });
    writer = new StatusWriter(client);
  });

  afterEach(async () => {
    await client.close();
    await server.stop();
  });

  const object = (resourceVersion: string, status: unknown, uid?: string) => ({
    ...configMap('a', resourceVersion, uid),
    status,
  });

  it('writes nothing when nothing differs, whatever the order of keys', async () => {
    const written = await writer.write(CONFIG_MAPS, object('1', { a: 1, b: [{ c: 1, d: 2 }] }), {
      b: [{ d: 2, c: 1 }],
      a: 1,
      e: undefined,
    });
    expect(written).toBe(false);
    expect(server.requests).toEqual([]);
  });

  it('patches what differs, for that very version of the object', async () => {
    server.answer = json(200, object('2', {}));
    expect(await writer.write(CONFIG_MAPS, object('1', { a: 1, gone: 1, same: 1 }), { a: 2, same: 1 })).toBe(true);
    const [request] = server.requests;
    expect(request).toMatchObject({ method: 'PATCH', path: '/api/v1/namespaces/default/configmaps/a/status' });
    expect(request?.headers['content-type']).toBe('application/merge-patch+json');
    expect(JSON.parse(request?.body ?? '')).toEqual({
      metadata: { uid: 'uid-a', resourceVersion: '1' },
      status: { a: 2, gone: null },
    });
  });

  it('cuts messages to 1,024 characters before it compares', async () => {
    const long = (length: number) => ({ conditions: [{ message: 'x'.repeat(length) }] });
    server.answer = json(200, object('2', {}));
    await writer.write(CONFIG_MAPS, object('1', undefined), long(5_000));
    const written = JSON.parse(server.requests[0]?.body ?? '').status;
    expect(written.conditions[0].message).toHaveLength(1024);
    expect(await writer.write(CONFIG_MAPS, object('2', written), long(5_000))).toBe(false);
  });

  it('reads the object again on 409 and retries with its version (faults.md 12)', async () => {
    server.answer = (response, request) => {
      const patches = server.requests.filter(({ method }) => method === 'PATCH').length;
      const answer =
        request.method === 'GET'
          ? json(200, object('7', { other: 1 }))
          : patches === 1
            ? refuse(409, 'Conflict')
            : json(200, object('8', {}));
      answer(response, request);
    };
    expect(await writer.write(CONFIG_MAPS, object('1', {}), { a: 2 })).toBe(true);
    expect(server.requests.map(({ method }) => method)).toEqual(['PATCH', 'GET', 'PATCH']);
    expect(JSON.parse(server.requests[2]?.body ?? '')).toEqual({
      metadata: { uid: 'uid-a', resourceVersion: '7' },
      status: { a: 2, other: null },
    });
  });

  it('writes nothing when the newest object has the status already', async () => {
    server.answer = (response, request) =>
      (request.method === 'GET' ? json(200, object('7', { a: 2 })) : refuse(409, 'Conflict'))(response, request);
    expect(await writer.write(CONFIG_MAPS, object('1', {}), { a: 2 })).toBe(false);
  });

  it('gives up conflicts that do not end (faults.md 12)', async () => {
    server.answer = (response, request) =>
      (request.method === 'GET' ? json(200, object('7', {})) : refuse(409, 'Conflict'))(response, request);
    await expect(writer.write(CONFIG_MAPS, object('1', {}), { a: 2 })).rejects.toMatchObject({ status: 409 });
    expect(server.requests.filter(({ method }) => method === 'PATCH')).toHaveLength(5);
  });

  it('leaves another object of the same name alone', async () => {
    server.answer = (response, request) =>
      (request.method === 'GET' ? json(200, object('7', {}, 'another')) : refuse(409, 'Conflict'))(response, request);
    expect(await writer.write(CONFIG_MAPS, object('1', {}), { a: 2 })).toBe(false);
    expect(server.requests).toHaveLength(2);
  });

  it('is done when the object is gone', async () => {
    server.answer = refuse(404, 'NotFound');
    expect(await writer.write(CONFIG_MAPS, object('1', {}), { a: 2 })).toBe(false);
  });

  it('throws what else the API server says', async () => {
    server.answer = refuse(422, 'Invalid');
    await expect(writer.write(CONFIG_MAPS, object('1', {}), { a: 2 })).rejects.toMatchObject({ reason: 'Invalid' });
  });

  describe('knows a status of another writer', () => {
    const status = { b: [{ c: 1, d: 2 }], a: 1 };

    it('from what it wrote itself, already while the answer is under way, whatever the order of keys', async () => {
      const seen: boolean[] = [];
      server.answer = (response, request) => {
        seen.push(writer.isAsWanted(object('2', { a: 1, b: [{ d: 2, c: 1 }] })));
        json(200, object('2', status))(response, request);
      };
      await writer.write(CONFIG_MAPS, object('1', {}), { ...status, gone: undefined });
      expect(seen).toEqual([true]);
      expect(writer.isAsWanted(object('3', { ...status, a: 2 }))).toBe(false);
      expect(writer.isAsWanted(object('3', undefined))).toBe(false);
    });

    it('from what stood there already', async () => {
      await writer.write(CONFIG_MAPS, object('1', status), status);
      expect(server.requests).toEqual([]);
      expect(writer.isAsWanted(object('2', status))).toBe(true);
      expect(writer.isAsWanted(object('2', status, 'another'))).toBe(false);
    });

    it('and of an object that is gone nothing more', async () => {
      await writer.write(CONFIG_MAPS, object('1', status), status);
      writer.forget(object('1', status));
      expect(writer.isAsWanted(object('1', status))).toBe(false);
    });
  });
});
