import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { request } from 'undici';
import { describe, expect, it } from 'vitest';
import { checkLiteralHost, createAddressGuard } from '../../../src/transport/address-guard.ts';
import { createDispatcher, printable, readBounded, TooLargeError } from '../../../src/transport/index.ts';

describe('addresses that may be connected to', () => {
  const guard = createAddressGuard(['10.1.0.0/16', '127.0.0.5/32']);
  it.each([
    ['93.184.216.34', true],
    ['10.0.0.1', true],
    ['192.168.1.1', true],
    ['2606:2800:220:1::1', true],
    ['127.0.0.1', false],
    ['127.0.0.5', true],
    ['169.254.169.254', false],
    ['0.0.0.0', false],
    ['224.0.0.1', false],
    ['255.255.255.255', false],
    ['::1', false],
    ['::', false],
    ['fe80::1', false],
    ['fd00:ec2::254', false],
    ['::ffff:127.0.0.1', false],
    ['::ffff:169.254.169.254', false],
    ['64:ff9b::a9fe:a9fe', false],
    ['2002:7f00:1::', false],
    ['64:ff9b:1::7f00:1', false],
    ['64:ff9b:1:7f00:0:100::', false],
    ['2001:0:a9fe:a9fe::', false],
    ['2001:0:102:304:0:0:80ff:fffe', false],
    ['::7f00:1', false],
    ['::ffff:0:7f00:1', false],
    ['64:ff9b::808:808', true],
    ['168.63.129.16', false],
    ['100.100.100.200', false],
    ['fd20:ce::254', false],
    ['fd00:ec2::23', false],
    ['not an address', false],
  ])('%s: %s', (address, allowed) => {
    expect(guard.allows(address)).toBe(allowed);
  });
});

describe('where private addresses are refused too, as for what a tenant may name with any path', () => {
  const guard = createAddressGuard(['10.1.0.0/16'], true);
  it.each([
    ['93.184.216.34', true],
    ['2606:2800:220:1::1', true],
    ['10.0.0.1', false],
    ['10.1.2.3', true],
    ['172.16.0.1', false],
    ['192.168.1.1', false],
    ['100.64.0.1', false],
    ['fd12:3456::1', false],
    ['::ffff:10.0.0.1', false],
    ['64:ff9b::a00:1', false],
    ['127.0.0.1', false],
  ])('%s: %s', (address, allowed) => {
    expect(guard.allows(address)).toBe(allowed);
  });

  it('says so', () => {
    expect(() => checkLiteralHost(guard, '10.0.0.1')).toThrow(
      /at 10\.0\.0\.1, a private, loopback,.* --allow-addresses/,
    );
  });
});

it('a name that leads to a refused address is refused at the connection, whoever resolves it', async () => {
  const server = createServer((_request, response) => response.end('secret'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  try {
    for (const host of ['127.0.0.1', 'localhost', '[::ffff:127.0.0.1]']) {
      const dispatcher = createDispatcher({ allowAddresses: [] });
      await expect(request(`http://${host}:${port}/`, { dispatcher })).rejects.toThrow(/refused/);
    }
    const allowed = createDispatcher({ allowAddresses: ['127.0.0.0/8'] });
    expect((await request(`http://127.0.0.1:${port}/`, { dispatcher: allowed })).statusCode).toBe(200);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

it('a body is refused while reading, once it is too large', async () => {
  let given = 0;
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (;;) {
      given += 1;
      yield new Uint8Array(1_000);
    }
  }
  await expect(readBounded(endless(), 10_000)).rejects.toThrow(TooLargeError);
  expect(given).toBeLessThanOrEqual(11);
});

it('text of others loses control characters, and is cut', () => {
  expect(printable('a\u001b[31mb\r\nc\u202ed')).toBe('a [31mb c d');
  expect(printable('x'.repeat(500)).length).toBeLessThanOrEqual(200);
});
