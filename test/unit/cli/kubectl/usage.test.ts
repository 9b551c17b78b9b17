import { expect, it } from 'vitest';
import { run } from '../harness.ts';

const FINGERPRINT = 'ab'.repeat(32);
const JOB = 'arn:aws:signer:us-west-2:111122223333:/signing-jobs/6f1fe3a5-2d0e-4c5f-8d3a-000000000000';
// None of them gets as far as a cluster.
const NOWHERE = ['--kubeconfig', '/nonexistent/config'];

it.each<[string, readonly string[], RegExp]>([
  ['no pod', ['why'], /missing required argument 'POD'; see sealwatch why --help/],
  ['a path for a pod', ['why', 'a/b/c', ...NOWHERE], /POD: expected the name of a pod/],
  ['a pod of all namespaces', ['why', 'web', '-A', ...NOWHERE], /--all-namespaces: a pod is in one/],
  ['a time that is none', ['expiring', '--within', 'soon'], /--within: expected a time such as 30d, 12h or 90m; found/],
  ['no days', ['expiring', '--within', '0d'], /--within: expected a time/],
  ['a namespace that is none', ['status', '-n', 'Shop'], /--namespace: expected the name of a namespace/],
  ['a Lease that is none', ['status', '--lease', 'a/b/c'], /--lease: expected NAME or NAMESPACE\/NAME/],
  [
    'a host that is none',
    ['preview', '-f', 'x', '--plain-http-hosts', 'http://x/'],
    /--plain-http-hosts: expected hosts/,
  ],
  ['no file', ['preview'], /required option '-f, --filename <FILE>' not specified/],
  [
    'a file that is not there',
    ['preview', '-f', '/nonexistent/policy.yaml'],
    /--filename: cannot read .*: it does not exist/,
  ],
  ['an unknown target', ['blast-radius', 'web', ...NOWHERE], /TARGET: expected the ARN of .*; found "web"/],
  [
    'an ARN of something else',
    ['blast-radius', 'arn:aws:s3:::bucket', ...NOWHERE],
    /expected the ARN of an AWS Signer profile/,
  ],
  [
    'a time with a certificate',
    ['blast-radius', FINGERPRINT, '--effective-time', '2026-01-01T00:00:00Z', ...NOWHERE],
    /--effective-time: goes with a signing profile only/,
  ],
  [
    'a time with a signing job',
    ['blast-radius', JOB, '--effective-time', '2026-01-01T00:00:00Z', ...NOWHERE],
    /--effective-time: goes with a signing profile only/,
  ],
  [
    'a kubeconfig that is not there',
    ['status', ...NOWHERE],
    /--kubeconfig \/nonexistent\/config: the kubeconfig cannot be used/,
  ],
])('%s: 64', async (_, argv, message) => {
  const { code, stdout, stderr } = await run(argv);
  expect(stderr).toMatch(message);
  expect([code, stdout]).toEqual([64, '']);
  expect(stderr.trimEnd().split('\n')).toHaveLength(1);
});
