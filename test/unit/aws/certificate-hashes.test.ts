import { X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { certificateHashes } from '../../../src/aws/index.ts';

/**
 * A vector made with OpenSSL 3.0 alone: the TBSCertificate cut out with `openssl asn1parse -strparse 4 -out`, then
 * `openssl dgst -sha384`.
 */
const LEAF = `-----BEGIN CERTIFICATE-----
MIIBezCCASECFFtVzMBe4ECaCZ1Wk4m/IcaTB86PMAoGCCqGSM49BAMCMD8xCzAJ
BgNVBAYTAlVTMQswCQYDVQQIDAJXQTENMAsGA1UECgwEQWNtZTEUMBIGA1UEAwwL
VmVjdG9yIFJvb3QwIBcNMjYxMTI0MDIxNjM2WhgPMjEyNjEwMzEwMjE2MzZaMD8x
CzAJBgNVBAYTAlVTMQswCQYDVQQIDAJXQTENMAsGA1UECgwEQWNtZTEUMBIGA1UE
AwwLVmVjdG9yIExlYWYwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQjABthB+N3
rF5zPkPF8l/NqLz3h+t4ZQ9vDDY8QhyAYbC0c9w3iJkDGdGuH/qBREbwF9ovbvXS
mjbHXHmzEX08MAoGCCqGSM49BAMCA0gAMEUCIQDWPhnUAqwRTJvVJybUUVOV4PFf
wCqC0jm/5GgzndF85AIgazLAbIaNPDFTGTVzJ8W9KKh6jHqrVagX9kB4skBOfCE=
-----END CERTIFICATE-----
`;
const LEAF_HASH = 'acede50d8b315f38cbde77dba217fcd2cbe357547f3d0f46cc10d710e621d5c21766ab88d525078577044795b0f5b489';
const ROOT = `-----BEGIN CERTIFICATE-----
MIIB1TCCAXugAwIBAgIUIgEtx8NxkrqQPsvGTAzJoytZvwwwCgYIKoZIzj0EAwIw
PzELMAkGA1UEBhMCVVMxCzAJBgNVBAgMAldBMQ0wCwYDVQQKDARBY21lMRQwEgYD
VQQDDAtWZWN0b3IgUm9vdDAgFw0yNjExMjQwMjE2MzZaGA8yMTI2MTAzMTAyMTYz
NlowPzELMAkGA1UEBhMCVVMxCzAJBgNVBAgMAldBMQ0wCwYDVQQKDARBY21lMRQw
EgYDVQQDDAtWZWN0b3IgUm9vdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABFT3
hl6Ir4oTczc7zaKhKwjS8FkK2JmF1r+gyXnRJE/7zXY8WueEgofB5ne9YmVYma0M
lINUC9kl3QYwcWnQqfGjUzBRMB0GA1UdDgQWBBSreDeO/BBcWnQLw6KdNiI5fU4W
sTAfBgNVHSMEGDAWgBSreDeO/BBcWnQLw6KdNiI5fU4WsTAPBgNVHRMBAf8EBTAD
AQH/MAoGCCqGSM49BAMCA0gAMEUCIBp2KBS98z0B6/g2sP/qcqjYe5qEd/6XdbsG
quPZATQJAiEAnP7lfsJY2fSuM7SiAgSJa3B5LqrLsTLnfctShl012fQ=
-----END CERTIFICATE-----
`;
const ROOT_HASH = 'ea8913677a4ef5c0bf7c524f8cce30dd4d946c4db7115641b32ca7b97990d5f98bbcceae9a60073d0c9afe6f9d48b138';

describe('certificate hashes of GetRevocationStatus (aws.md)', () => {
  it('pair each TBSCertificate with its issuer, and the root with itself', () => {
    expect(certificateHashes([new X509Certificate(LEAF), new X509Certificate(ROOT)])).toEqual([
      `${LEAF_HASH}${ROOT_HASH}`,
      `${ROOT_HASH}${ROOT_HASH}`,
    ]);
  });

  it('of a single certificate are it with itself', () => {
    expect(certificateHashes([new X509Certificate(ROOT)])).toEqual([`${ROOT_HASH}${ROOT_HASH}`]);
  });
});
