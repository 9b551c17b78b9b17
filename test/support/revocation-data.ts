import { createHash, type KeyObject, sign, type X509Certificate } from 'node:crypto';
import {
  BasicOCSPResponse,
  CertID,
  CertStatus,
  KeyHash,
  OCSPResponse,
  ResponderID,
  ResponseBytes,
  ResponseData,
  RevokedInfo,
  SingleResponse,
} from '@peculiar/asn1-ocsp';
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import {
  AlgorithmIdentifier,
  BaseCRLNumber,
  Certificate,
  CertificateList,
  CRLNumber,
  CRLReason,
  DistributionPoint,
  DistributionPointName,
  Extension,
  FreshestCRL,
  GeneralName,
  InvalidityDate,
  IssuingDistributionPoint,
  RevokedCertificate,
  TBSCertList,
  Time,
} from '@peculiar/asn1-x509';
import type { Authority } from './pki.ts';

/** CRLs and OCSP answers, made by a library: not by the code that is tested with them. */

const SHA1 = '1.3.14.3.2.26';
const ALGORITHMS = {
  ec: { sha1: '1.2.840.10045.4.1', sha256: '1.2.840.10045.4.3.2', sha384: '1.2.840.10045.4.3.3' },
  rsa: { sha1: '1.2.840.113549.1.1.5', sha256: '1.2.840.113549.1.1.11', sha384: '1.2.840.113549.1.1.12' },
} as const;
type Hash = keyof (typeof ALGORITHMS)['ec'];

/** A revocation, as an authority tells it. */
export interface RevocationFacts {
  readonly at: Date;
  /** Number of CRLReason. */
  readonly reason?: number;
  readonly invalidityDate?: Date;
}

interface Times {
  readonly thisUpdate: Date;
  /** Absent only where it is null. */
  readonly nextUpdate: Date | null;
}

export interface OcspAnswerOptions extends Times {
  readonly certificate: X509Certificate;
  readonly issuer: Authority;
  readonly status: 'good' | 'unknown' | RevocationFacts;
  /** Who signs; default the issuer. */
  readonly signer?: Authority;
  /** Certificates that come with it; default the signer's where that is not the issuer. */
  readonly certificates?: readonly X509Certificate[];
  /** Whom it names as responder; default the signer. */
  readonly responder?: X509Certificate;
  readonly responderBy?: 'name' | 'key';
  readonly hash?: Hash;
  readonly changeId?: (id: CertID) => void;
  readonly changeData?: (data: ResponseData) => void;
  readonly changeSignature?: (signature: Buffer) => Buffer;
  readonly singleExtensions?: readonly Extension[];
}

/** An OCSP answer of the status successful, DER. */
export function encodeOcspAnswer(options: OcspAnswerOptions): Buffer {
  const { certificate, issuer, status, signer = issuer, hash = 'sha256' } = options;
  const certID = certIdOf(certificate, issuer.certificate);
  options.changeId?.(certID);
  const invalidity = typeof status === 'object' ? status.invalidityDate : undefined;
  const singleExtensions = [
    ...(invalidity === undefined ? [] : [extension('2.5.29.24', new InvalidityDate(invalidity))]),
    ...(options.singleExtensions ?? []),
  ];
  const data = new ResponseData({
    responderID: responderId(options.responder ?? signer.certificate, options.responderBy ?? 'key'),
    producedAt: options.thisUpdate,
    responses: [
      new SingleResponse({
        certID,
        certStatus: statusOf(status),
        thisUpdate: options.thisUpdate,
        ...(options.nextUpdate === null ? {} : { nextUpdate: options.nextUpdate }),
        ...(singleExtensions.length === 0 ? {} : { singleExtensions }),
      }),
    ],
  });
  options.changeData?.(data);
  const signature = signDer(AsnConvert.serialize(data), signer.key, hash);
  const certificates = options.certificates ?? (signer === issuer ? [] : [signer.certificate]);
  const basic = new BasicOCSPResponse({
    tbsResponseData: data,
    signatureAlgorithm: algorithmOf(signer.key, hash),
    signature: arrayBuffer(options.changeSignature?.(signature) ?? signature),
    ...(certificates.length === 0 ? {} : { certs: certificates.map(parsed) }),
  });
  return encodeOcspStatus(0, Buffer.from(AsnConvert.serialize(basic)));
}

/** An OCSP answer of any status, with or without a basic answer. */
export function encodeOcspStatus(responseStatus: number, basic?: Buffer): Buffer {
  const responseBytes =
    basic === undefined
      ? {}
      : {
          responseBytes: new ResponseBytes({
            responseType: '1.3.6.1.5.5.7.48.1.1',
            response: new OctetString(basic),
          }),
        };
  return Buffer.from(AsnConvert.serialize(new OCSPResponse({ responseStatus, ...responseBytes })));
}

export interface CrlEntryFacts extends RevocationFacts {
  readonly certificate: X509Certificate;
  readonly extensions?: readonly Extension[];
}

export interface CrlOptions extends Times {
  readonly issuer: Authority;
  readonly entries?: readonly CrlEntryFacts[];
  readonly number?: number;
  /** BaseCRLNumber: makes it a delta CRL. */
  readonly baseNumber?: number;
  readonly scope?: Partial<IssuingDistributionPoint> & { readonly addresses?: readonly string[] };
  readonly freshest?: readonly string[];
  readonly extensions?: readonly Extension[];
  /** Whose key signs; default the issuer's. */
  readonly signer?: KeyObject;
  readonly hash?: Hash;
  readonly changeBody?: (body: TBSCertList) => void;
  readonly changeSignature?: (signature: Buffer) => Buffer;
}

/** A CRL, DER. */
export function encodeCrl(options: CrlOptions): Buffer {
  const { issuer, entries = [], hash = 'sha256', signer = issuer.key } = options;
  const extensions = crlExtensions(options);
  const body = new TBSCertList({
    version: 1,
    signature: algorithmOf(signer, hash),
    issuer: parsed(issuer.certificate).tbsCertificate.subject,
    thisUpdate: new Time(options.thisUpdate),
    ...(options.nextUpdate === null ? {} : { nextUpdate: new Time(options.nextUpdate) }),
    ...(entries.length === 0 ? {} : { revokedCertificates: entries.map(crlEntry) }),
    ...(extensions.length === 0 ? {} : { crlExtensions: extensions }),
  });
  options.changeBody?.(body);
  const signature = signDer(AsnConvert.serialize(body), signer, hash);
  return Buffer.from(
    AsnConvert.serialize(
      new CertificateList({
        tbsCertList: body,
        signatureAlgorithm: algorithmOf(signer, hash),
        signature: arrayBuffer(options.changeSignature?.(signature) ?? signature),
      }),
    ),
  );
}

/** An extension of any type. */
export function extension(extnID: string, value: unknown, critical = false): Extension {
  return new Extension({ extnID, critical, extnValue: new OctetString(AsnConvert.serialize(value)) });
}

/** The name of a distribution point at these addresses. */
export function pointName(addresses: readonly string[]): DistributionPointName {
  return new DistributionPointName({
    fullName: addresses.map((uniformResourceIdentifier) => new GeneralName({ uniformResourceIdentifier })),
  });
}

function crlExtensions(options: CrlOptions): Extension[] {
  const { number, baseNumber, scope, freshest } = options;
  const found: Extension[] = [...(options.extensions ?? [])];
  if (number !== undefined) found.push(extension('2.5.29.20', new CRLNumber(number)));
  if (baseNumber !== undefined) found.push(extension('2.5.29.27', new BaseCRLNumber(baseNumber), true));
  if (scope !== undefined) {
    const { addresses, ...rest } = scope;
    const point = addresses === undefined ? {} : { distributionPoint: pointName(addresses) };
    found.push(extension('2.5.29.28', new IssuingDistributionPoint({ ...point, ...rest }), true));
  }
  if (freshest !== undefined) {
    const points = freshest.map((address) => new DistributionPoint({ distributionPoint: pointName([address]) }));
    found.push(extension('2.5.29.46', new FreshestCRL(points)));
  }
  return found;
}

function crlEntry({ certificate, at, reason, invalidityDate, extensions = [] }: CrlEntryFacts): RevokedCertificate {
  const all = [
    ...(reason === undefined ? [] : [extension('2.5.29.21', new CRLReason(reason))]),
    ...(invalidityDate === undefined ? [] : [extension('2.5.29.24', new InvalidityDate(invalidityDate))]),
    ...extensions,
  ];
  return new RevokedCertificate({
    userCertificate: parsed(certificate).tbsCertificate.serialNumber,
    revocationDate: new Time(at),
    ...(all.length === 0 ? {} : { crlEntryExtensions: all }),
  });
}

function certIdOf(certificate: X509Certificate, issuer: X509Certificate): CertID {
  return new CertID({
    hashAlgorithm: new AlgorithmIdentifier({ algorithm: SHA1, parameters: null }),
    issuerNameHash: new OctetString(sha1(AsnConvert.serialize(parsed(issuer).tbsCertificate.subject))),
    issuerKeyHash: new OctetString(keyHash(issuer)),
    serialNumber: parsed(certificate).tbsCertificate.serialNumber,
  });
}

function responderId(certificate: X509Certificate, by: 'name' | 'key'): ResponderID {
  return by === 'name'
    ? new ResponderID({ byName: parsed(certificate).tbsCertificate.subject })
    : new ResponderID({ byKey: new KeyHash(keyHash(certificate)) });
}

function statusOf(status: OcspAnswerOptions['status']): CertStatus {
  if (status === 'good') return new CertStatus({ good: null });
  if (status === 'unknown') return new CertStatus({ unknown: null });
  return new CertStatus({
    revoked: new RevokedInfo({
      revocationTime: status.at,
      ...(status.reason === undefined ? {} : { revocationReason: new CRLReason(status.reason) }),
    }),
  });
}

function algorithmOf(key: KeyObject, hash: Hash): AlgorithmIdentifier {
  const isRsa = key.asymmetricKeyType === 'rsa';
  return new AlgorithmIdentifier({
    algorithm: ALGORITHMS[isRsa ? 'rsa' : 'ec'][hash],
    ...(isRsa ? { parameters: null } : {}),
  });
}

function signDer(bytes: ArrayBuffer, key: KeyObject, hash: Hash): Buffer {
  return sign(hash, Buffer.from(bytes), key);
}

function parsed(certificate: X509Certificate): Certificate {
  return AsnConvert.parse(certificate.raw, Certificate);
}

function keyHash(certificate: X509Certificate): Buffer {
  return sha1(parsed(certificate).tbsCertificate.subjectPublicKeyInfo.subjectPublicKey);
}

function sha1(bytes: ArrayBuffer): Buffer {
  return createHash('sha1').update(Buffer.from(bytes)).digest();
}

function arrayBuffer(bytes: Buffer): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}
