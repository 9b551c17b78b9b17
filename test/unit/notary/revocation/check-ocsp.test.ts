import 'reflect-metadata';
import { OCSPRequest } from '@peculiar/asn1-ocsp';
import { AsnConvert } from '@peculiar/asn1-schema';
import { CRLNumber } from '@peculiar/asn1-x509';
import * as x509 from '@peculiar/x509';
import { describe, expect, it } from 'vitest';
import { FetchError } from '../../../../src/notary/index.ts';
import { ocspHttpRequest } from '../../../../src/notary/revocation/ocsp-request.ts';
import { type Authority, type IssueOptions, issueFrom, revocationExtensions } from '../../../support/pki.ts';
import { encodeCrl, encodeOcspStatus, extension, type OcspAnswerOptions } from '../../../support/revocation-data.ts';
import { NOW, VALIDITY } from '../harness.ts';
import {
  authority,
  CURRENT,
  check,
  createRevocableChain,
  HOUR_MS,
  network,
  OCSP_URL,
  ocspAnswer,
  REVOKED_AT,
  told,
} from './world.ts';

const chain = await createRevocableChain({ ocsp: [OCSP_URL] });
const root = authority(chain, 1);
const other = await createRevocableChain({ ocsp: [OCSP_URL] });

/** Unless told otherwise: with OCSPSigning and nocheck, valid around NOW. */
function responderOf(issuer: Authority, changes: Partial<IssueOptions> & { more?: x509.Extension[] } = {}) {
  const { more = [new x509.Extension('1.3.6.1.5.5.7.48.1.5', false, new Uint8Array([5, 0]))], ...rest } = changes;
  return issueFrom(issuer, {
    extensions: [
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.ocspSigning]),
      ...more,
    ],
    notBefore: VALIDITY.notBefore,
    notAfter: VALIDITY.notAfter,
    ...rest,
  });
}

const good = await responderOf(root);
const critical = extension('1.2.3.4', new CRLNumber(1), true);

const UNUSABLE: readonly (readonly [string, () => Uint8Array | Promise<Uint8Array>, string])[] = [
  ['stale: nextUpdate has come (H2)', () => ocspAnswer(chain, { nextUpdate: NOW }), 'is stale'],
  ['without nextUpdate (H2)', () => ocspAnswer(chain, { nextUpdate: null }), 'has no nextUpdate'],
  [
    'thisUpdate more than five minutes ahead (H2)',
    () => ocspAnswer(chain, { thisUpdate: new Date(NOW.getTime() + 301_000) }),
    'is still to come',
  ],
  ...([1, 2, 3, 5, 6] as const).map(
    (status) => [`of the status ${status} (H2)`, () => encodeOcspStatus(status), 'the responder says'] as const,
  ),
  [
    'of the status internalError, with a good answer inside (H2)',
    () => {
      const bytes = ocspAnswer(chain);
      bytes[bytes.indexOf(Buffer.from([0x0a, 0x01, 0x00])) + 2] = 2;
      return bytes;
    },
    'internalError',
  ],
  ['of the status successful, without an answer (H2)', () => encodeOcspStatus(0), 'it is missing'],
  ['garbage (H2)', () => Buffer.from('<html>no</html>'), 'cannot be read'],
  ['empty (H2)', () => Buffer.alloc(0), 'ends too early'],
  ['truncated (H2)', () => ocspAnswer(chain).subarray(0, -10), 'ends too early'],
  ['with bytes behind it (H2)', () => Buffer.concat([ocspAnswer(chain), Buffer.from([0])]), 'bytes follow'],
  [
    'signed by a key that is nobody (H3)',
    () => ocspAnswer(chain, { signer: { certificate: root.certificate, key: other.key } }),
    'signature does not verify',
  ],
  [
    'with a changed signature (H3)',
    () =>
      ocspAnswer(chain, {
        changeSignature: (signature) => {
          signature[signature.length - 1] = (signature.at(-1) ?? 0) ^ 1;
          return signature;
        },
      }),
    'signature does not verify',
  ],
  ['signed with SHA-1 (H3)', () => ocspAnswer(chain, { hash: 'sha1' }), 'signature does not verify'],
  [
    'about another serial number (H3)',
    () => ocspAnswer(chain, { certificate: other.certificates[0] ?? root.certificate }),
    'about another certificate',
  ],
  [
    'about the same serial number of another issuer name (H3)',
    () => ocspAnswer(chain, { changeId: (id) => new Uint8Array(id.issuerNameHash.buffer).set([0]) }),
    'about another certificate',
  ],
  [
    'about the same serial number of another issuer key (H3)',
    () => ocspAnswer(chain, { changeId: (id) => new Uint8Array(id.issuerKeyHash.buffer).set([0]) }),
    'about another certificate',
  ],
  [
    'with a CertID by another hash (H3)',
    () =>
      ocspAnswer(chain, {
        changeId: (id) => {
          id.hashAlgorithm.algorithm = '2.16.840.1.101.3.4.2.1';
        },
      }),
    'about another certificate',
  ],
  [
    'with no answer at all inside (H3)',
    () =>
      ocspAnswer(chain, {
        changeData: (data) => {
          data.responses = [];
        },
      }),
    'about another certificate',
  ],
  [
    'with two answers for the certificate (H3)',
    () =>
      ocspAnswer(chain, {
        changeData: (data) => {
          data.responses = [...data.responses, ...data.responses];
        },
      }),
    'twice',
  ],
  [
    'with a critical extension of the answer that is not understood (H3)',
    () =>
      ocspAnswer(chain, {
        changeData: (data) => {
          data.responseExtensions = [critical];
        },
      }),
    'critical extension 1.2.3.4 is not understood',
  ],
  [
    "with a critical extension of the certificate's answer that is not understood (H3)",
    () => ocspAnswer(chain, { singleExtensions: [critical] }),
    'critical extension 1.2.3.4 is not understood',
  ],
  [
    'revoked by removeFromCRL (H3)',
    () => ocspAnswer(chain, { status: { at: REVOKED_AT, reason: 8 } }),
    'removeFromCRL',
  ],
  [
    'naming a responder that is not there (H3)',
    () => ocspAnswer(chain, { signer: good, certificates: [] }),
    'neither the issuer nor among its certificates',
  ],
  [
    'by a responder of another issuer (H3)',
    async () => ocspAnswer(chain, { signer: await responderOf(authority(other, 1)) }),
    "not certified by the certificate's issuer",
  ],
  [
    "by a responder whose certificate has the name of the issuer and another's signature (H3)",
    async () => ocspAnswer(chain, { signer: await responderOf({ certificate: root.certificate, key: other.key }) }),
    "not certified by the certificate's issuer",
  ],
  [
    'by a responder that has expired (H3)',
    async () => ocspAnswer(chain, { signer: await responderOf(root, { notAfter: new Date(NOW.getTime() - 1000) }) }),
    'not valid now',
  ],
  [
    'by a responder that is not valid yet (H3)',
    async () => ocspAnswer(chain, { signer: await responderOf(root, { notBefore: new Date(NOW.getTime() + 1000) }) }),
    'not valid now',
  ],
  [
    'by a responder without extKeyUsage (H3)',
    async () =>
      ocspAnswer(chain, {
        signer: await responderOf(root, {
          extensions: [new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true)],
        }),
      }),
    'not for OCSPSigning',
  ],
  [
    'by a responder for any purpose but not OCSPSigning by name (H3)',
    async () =>
      ocspAnswer(chain, {
        signer: await responderOf(root, { extensions: [new x509.ExtendedKeyUsageExtension(['2.5.29.37.0'])] }),
      }),
    'not for OCSPSigning',
  ],
  [
    'by a responder whose key is not for signatures (H3)',
    async () =>
      ocspAnswer(chain, {
        signer: await responderOf(root, {
          extensions: [
            new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyEncipherment, true),
            new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.ocspSigning]),
          ],
        }),
      }),
    'not for signatures',
  ],
  [
    'by a responder with a critical extension that is not understood (H3)',
    async () =>
      ocspAnswer(chain, {
        signer: await responderOf(root, { more: [new x509.Extension('1.2.3.4', true, new Uint8Array([5, 0]))] }),
      }),
    'critical extension 1.2.3.4 is not understood',
  ],
  [
    'by a responder whose certificate is there and whose key did not sign (H3)',
    () => ocspAnswer(chain, { signer: { certificate: good.certificate, key: other.key } }),
    'signature does not verify',
  ],
];

describe('an OCSP answer that may not be used is unknown, never good and never revoked (notary.md H2, H3)', () => {
  it('its control is used (H2, H3)', async () => {
    expect(told(await check(chain, { [OCSP_URL]: ocspAnswer(chain) }))).toBe('good');
    expect(told(await check(chain, { [OCSP_URL]: ocspAnswer(chain, { signer: good }) }))).toBe('good');
  });

  it.each(UNUSABLE)('%s', async (_name, answer, cause) => {
    const result = await check(chain, { [OCSP_URL]: await answer() });
    expect(result.status).toBe('unknown');
    expect(result.reason).toContain(cause);
  });

  it('also where it says revoked: a forger cannot have an image flagged (H3)', async () => {
    const forged = { status: { at: REVOKED_AT, reason: 1 }, signer: { certificate: root.certificate, key: other.key } };
    expect((await check(chain, { [OCSP_URL]: ocspAnswer(chain, forged) })).status).toBe('unknown');
    expect((await check(chain, { [OCSP_URL]: ocspAnswer(chain, { ...forged, signer: root }) })).status).toBe('revoked');
  });

  it('a certificate does not answer for itself (H3)', async () => {
    const responding = [new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.ocspSigning])];
    const own = await createRevocableChain(
      { ocsp: [OCSP_URL] },
      { leafExtensions: [...responding, ...revocationExtensions({ ocsp: [OCSP_URL] })] },
    );
    const answer = ocspAnswer(own, { signer: authority(own, 0) });
    expect(told(await check(own, { [OCSP_URL]: answer }))).toMatch(/^unknown: .*answers for itself/);
  });
});

describe('who may sign an OCSP answer (notary.md H3)', () => {
  it.each<readonly [string, Partial<OcspAnswerOptions>]>([
    ['the issuer, named by its key (H3)', { responderBy: 'key' }],
    ['the issuer, named by its name (H3)', { responderBy: 'name' }],
    ['a delegated responder, named by its key (H3)', { signer: good, responderBy: 'key' }],
    ['a delegated responder, named by its name (H3)', { signer: good, responderBy: 'name' }],
    [
      'a delegated responder behind another certificate (H3)',
      { signer: good, certificates: [root.certificate, good.certificate] },
    ],
    ['the issuer with SHA-384 (H3)', { hash: 'sha384' }],
  ])('%s', async (_name, changes) => {
    expect(told(await check(chain, { [OCSP_URL]: ocspAnswer(chain, changes) }))).toBe('good');
  });

  it('an RSA issuer with RSASSA-PKCS1-v1_5 (H3)', async () => {
    const rsa = await createRevocableChain({ ocsp: [OCSP_URL] }, { key: 'RSA-2048', caKey: 'RSA-2048' });
    expect(told(await check(rsa, { [OCSP_URL]: ocspAnswer(rsa) }))).toBe('good');
    expect(told(await check(rsa, { [OCSP_URL]: ocspAnswer(rsa, { hash: 'sha1' }) }))).toMatch(
      /signature does not verify/,
    );
  });

  describe('a responder without id-pkix-ocsp-nocheck', () => {
    const RESPONDER_CRL = 'http://crl.example.com/responder.crl';
    const crlOfRoot = (changes: object = {}) => encodeCrl({ issuer: root, ...CURRENT, ...changes });
    it.each<readonly [string, x509.Extension[], Record<string, Uint8Array>, RegExp]>([
      ['that names no source counts as long as it lives (H3)', [], {}, /^good$/],
      [
        'that names a CRL which does not list it counts (H3)',
        revocationExtensions({ crl: [RESPONDER_CRL] }),
        { [RESPONDER_CRL]: crlOfRoot() },
        /^good$/,
      ],
      [
        'that names a CRL which is not there does not count (H3)',
        revocationExtensions({ crl: [RESPONDER_CRL] }),
        {},
        /^unknown: .*the revocation of its own certificate is unknown/,
      ],
      [
        'that only OCSP could judge does not count (H3)',
        revocationExtensions({ ocsp: [OCSP_URL] }),
        {},
        /^unknown: .*the revocation of its own certificate is unknown/,
      ],
    ])('%s', async (_name, more, crls, expected) => {
      const signer = await responderOf(root, { more });
      expect(told(await check(chain, { ...crls, [OCSP_URL]: ocspAnswer(chain, { signer }) }))).toMatch(expected);
    });

    it('with it, the CRL that it names is not asked (H3)', async () => {
      const noCheck = new x509.Extension('1.3.6.1.5.5.7.48.1.5', false, new Uint8Array([5, 0]));
      const signer = await responderOf(root, { more: [noCheck, ...revocationExtensions({ crl: [RESPONDER_CRL] })] });
      expect(told(await check(chain, { [OCSP_URL]: ocspAnswer(chain, { signer }) }))).toBe('good');
    });

    it('that a CRL lists does not count, whatever it says (H3)', async () => {
      const signer = await responderOf(root, { more: revocationExtensions({ crl: [RESPONDER_CRL] }) });
      const crl = crlOfRoot({ entries: [{ certificate: signer.certificate, at: REVOKED_AT }] });
      for (const status of ['good', { at: REVOKED_AT }] as const) {
        const result = await check(chain, { [RESPONDER_CRL]: crl, [OCSP_URL]: ocspAnswer(chain, { signer, status }) });
        expect(told(result)).toMatch(/^unknown: .*the revocation of its own certificate is revoked/);
      }
    });

    it("stands no longer than the responder's certificate (H3, H6)", async () => {
      const notAfter = new Date(NOW.getTime() + 60_000);
      const signer = await responderOf(root, { notAfter });
      const result = await check(chain, { [OCSP_URL]: ocspAnswer(chain, { signer }) });
      expect(result).toMatchObject({ status: 'good', validUntil: notAfter });
    });
  });
});

describe('how responders are asked (notary.md H2)', () => {
  it('by GET without a nonce, in 2 s and 20 KiB; the request names the certificate by its full CertID (H2, H3)', async () => {
    const { fetch, asked } = network({ [OCSP_URL]: ocspAnswer(chain) });
    await check(chain, {}, { fetch });
    const [request] = asked;
    expect(request).toMatchObject({ method: 'GET', timeoutMs: 2_000, maxBytes: 20 * 1024 });
    const encoded = decodeURIComponent(new URL(request?.url ?? '').pathname.slice(1));
    const { tbsRequest } = AsnConvert.parse(Buffer.from(encoded, 'base64'), OCSPRequest);
    expect(tbsRequest.requestExtensions).toBeUndefined();
    expect(tbsRequest.requestList.length).toBe(1);
    const id = tbsRequest.requestList[0]?.reqCert;
    expect(id?.hashAlgorithm.algorithm).toBe('1.3.14.3.2.26');
    expect(BigInt(`0x${Buffer.from(id?.serialNumber ?? new ArrayBuffer(0)).toString('hex')}`)).toBe(
      BigInt(`0x${chain.certificates[0]?.serialNumber}`),
    );
  });

  it.each([
    ['of 254 characters by GET (H2)', 254, 'GET'],
    ['of 255 characters by POST (H2)', 255, 'POST'],
  ])('a whole address %s', (_name, length, method) => {
    // Encoded, the request has '+', '/' and '=' of base64 by their percent signs.
    const der = Buffer.from([0xfb, 0xff, 0xfe, 0xff]);
    const encoded = '/%2B%2F%2F%2B%2Fw%3D%3D';
    const server = `${OCSP_URL}/${'x'.repeat(length - encoded.length - OCSP_URL.length - 1)}`;
    const request = ocspHttpRequest(server, der);
    expect(request.method).toBe(method);
    expect(request.url).toBe(method === 'GET' ? `${server}${encoded}` : server);
    expect(request.body).toBe(method === 'GET' ? undefined : der);
  });

  it('an address with a query of its own by POST (H2)', async () => {
    const query = await createRevocableChain({ ocsp: [`${OCSP_URL}/?for=acme`] });
    const { fetch, asked } = network({ [OCSP_URL]: () => ocspAnswer(query) });
    expect(told(await check(query, {}, { fetch }))).toBe('good');
    expect(asked[0]).toMatchObject({
      url: `${OCSP_URL}/?for=acme`,
      method: 'POST',
      headers: { 'content-type': 'application/ocsp-request' },
    });
  });

  it('in order, until one gives an answer that may be used (H2)', async () => {
    const urls = ['first', 'second', 'third', 'fourth'].map((name) => `http://${name}.example.com`);
    const several = await createRevocableChain({ ocsp: urls });
    const { fetch, asked } = network({
      'http://first': new FetchError('Timeout', 'first: too slow'),
      'http://second': Buffer.from('no answer'),
      'http://third': ocspAnswer(several),
      'http://fourth': ocspAnswer(several, { status: { at: REVOKED_AT } }),
    });
    expect(told(await check(several, {}, { fetch }))).toBe('good');
    expect(asked.map(({ url }) => new URL(url).host.split('.')[0])).toEqual(['first', 'second', 'third']);
  });

  it('a signed "unknown" ends the search, and is unknown (H2, H3)', async () => {
    const several = await createRevocableChain({ ocsp: ['http://first.example.com', 'http://second.example.com'] });
    const { fetch, asked } = network({
      'http://first': ocspAnswer(several, { status: 'unknown' }),
      'http://second': ocspAnswer(several),
    });
    expect(told(await check(several, {}, { fetch }))).toMatch(/^unknown: .*does not know the certificate/);
    expect(asked.length).toBe(1);
  });

  it.each([
    ['https (H2)', 'https://ocsp.example.com'],
    ['a file (H2)', 'file:///etc/passwd'],
    ['credentials (H2)', 'http://user:secret@ocsp.example.com'],
    ['no address (H2)', 'ocsp.example.com'],
  ])('not at all by %s', async (_name, url) => {
    const { fetch, asked } = network({});
    expect(told(await check(await createRevocableChain({ ocsp: [url] }), {}, { fetch }))).toMatch(/at no http address/);
    expect(asked).toEqual([]);
  });

  it('an answer on hold is revoked until it is asked for again (H4, H6)', async () => {
    const result = await check(chain, { [OCSP_URL]: ocspAnswer(chain, { status: { at: REVOKED_AT, reason: 6 } }) });
    expect(result).toMatchObject({ status: 'revoked', validUntil: new Date(NOW.getTime() + HOUR_MS) });
    expect(result.reason).toContain('reason certificateHold');
  });

  it('thisUpdate may be five minutes ahead, as clocks are (H2)', async () => {
    const thisUpdate = new Date(NOW.getTime() + 299_000);
    expect(told(await check(chain, { [OCSP_URL]: ocspAnswer(chain, { thisUpdate }) }))).toBe('good');
  });
});
