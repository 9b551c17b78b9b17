import { randomBytes, sign } from 'node:crypto';
import { parseCertificate } from '../src/notary/index.ts';
import { readCrl } from '../src/notary/revocation/crl.ts';
import { type Authority, createChain } from '../test/support/pki.ts';
import { encodeCrl } from '../test/support/revocation-data.ts';
import type { Bench } from './frame.ts';

const SIZE = 32 * 1024 * 1024;

/** One entry with a serial number of 16 octets and a reason, as authorities write them. */
function entry(serial: Uint8Array): Buffer {
  const reason = Buffer.from('300c300a0603551d1504030a0101', 'hex');
  const content = Buffer.concat([
    Buffer.from([0x02, serial.length]),
    serial,
    Buffer.from('170d3236303631303038303030305a', 'hex'),
    reason,
  ]);
  return Buffer.concat([Buffer.from([0x30, content.length]), content]);
}

function sequence(content: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(content.length);
  return Buffer.concat([Buffer.from([0x30, 0x84]), length, content]);
}

/** The small CRL's body with the entries in it, signed anew. */
function largeCrl(issuer: Authority, last: Uint8Array): { readonly der: Buffer; readonly entries: number } {
  const small = encodeCrl({
    issuer,
    thisUpdate: new Date('2026-06-10T00:00:00Z'),
    nextUpdate: new Date('2026-06-20T00:00:00Z'),
  });
  const body = small.subarray(small[1] === 0x82 ? 4 : 3);
  const bodyEnd = 3 + (body[2] ?? 0);
  const head = body.subarray(body[1] === 0x81 ? 3 : 2, body[1] === 0x81 ? bodyEnd : 2 + (body[1] ?? 0));
  const list: Buffer[] = [];
  let size = 0;
  while (size < SIZE - 1024) {
    const serial = randomBytes(16);
    serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
    const one = entry(serial);
    list.push(one);
    size += one.length;
  }
  list[list.length - 1] = entry(last);
  const tbs = sequence(Buffer.concat([head, sequence(Buffer.concat(list))]));
  const algorithm = Buffer.from('300a06082a8648ce3d040302', 'hex');
  const signature = sign('sha256', tbs, issuer.key);
  const bits = Buffer.concat([Buffer.from([0x03, signature.length + 1, 0]), signature]);
  return { der: sequence(Buffer.concat([tbs, algorithm, bits])), entries: list.length };
}

function measure<T>(run: () => T): { readonly result: T; readonly ms: number } {
  const started = performance.now();
  const result = run();
  return { result, ms: performance.now() - started };
}

/**
 * A CRL as large as it may be (notary.md H4): what reading, verifying and asking it cost in time and memory. The scan
 * over its entries allocates nothing for each, which is what keeps it there.
 */
export const crl: Bench = {
  name: 'crl',
  about: 'reading, verifying and searching a CRL of 32 MiB',
  run: async ({ runs, say }) => {
    const chain = await createChain({ length: 2 });
    const [leaf, root] = chain.certificates;
    const key = chain.keys[1];
    if (leaf === undefined || root === undefined || key === undefined) throw new Error('no chain');
    const { serialNumber } = parseCertificate(leaf);
    const { der, entries } = largeCrl({ certificate: root, key }, serialNumber);
    say(`${(der.length / 2 ** 20).toFixed(1)} MiB, ${entries} entries`);
    const rounds = Array.from({ length: runs }, () => {
      const read = measure(() => readCrl(der, parseCertificate(root)));
      const search = measure(() => read.result.entriesOf(serialNumber));
      return { read, search };
    });
    return [
      { metric: 'CRL of 32 MiB: read and verified', unit: 'ms', values: rounds.map(({ read }) => read.ms) },
      { metric: 'CRL of 32 MiB: searched for one entry', unit: 'ms', values: rounds.map(({ search }) => search.ms) },
      {
        metric: 'CRL of 32 MiB: entries not found',
        unit: 'entries',
        values: rounds.map(({ search }) => 1 - search.result.length),
        target: 0,
      },
    ];
  },
};
