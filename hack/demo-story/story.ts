import { setTimeout as delay } from 'node:timers/promises';
import { RevokeSignatureCommand, SignerClient } from '@aws-sdk/client-signer';
import { signatureAnnotations, signEnvelope } from '../../src/notary/index.ts';
import { parseReference, pushSignature } from '../../src/oci/index.ts';
import { createChain } from '../../test/support/pki.ts';
import { waitFor } from '../../test/support/processes.ts';
import { runningPodOf, show, showApply, showEvents, showPods, waitForPod } from './cluster.ts';
import { localRegistryClient } from './kubelet.ts';
import { narrator } from './narrator.ts';
import { ACCOUNT, REGION, REGISTRY_NAME, type Stage, SWEEP_SECONDS } from './stage.ts';

interface Request {
  readonly status?: {
    readonly images?: readonly {
      readonly signatures?: readonly { readonly jobArn?: string; readonly expiresAt?: string }[];
    }[];
  };
}

const SAMPLES = 'config/samples';

/** Plays the whole story; rejects at the first step that does not come true. */
export async function playStory(stage: Stage): Promise<void> {
  await declare(stage);
  await sign(stage);
  const web = await runTrusted(stage);
  await runUntrusted(stage);
  await revoke(stage, web);
  const hotfix = await expire(stage);
  await signAnew(stage, web, hotfix);
}

async function declare({ plane }: Stage): Promise<void> {
  narrator.step('The platform team declares, in Git, whom it trusts');
  await show(plane, 'apply', '-f', `${SAMPLES}/20-trust-stores.yaml`, '-f', `${SAMPLES}/30-trust-policy.yaml`);
  await plane.ok(['wait', '--for=condition=Ready', 'tst,tp', '--all', '--timeout=60s']);
  await show(plane, 'get', 'tst,tp');
  narrator.look('READY is True: the certificates are in force, and no statement conflicts with another.');
}

async function sign({ plane }: Stage): Promise<void> {
  narrator.step(
    'The team of the shop says what must be signed: by AWS Signer, by a key of its own; and what only verified',
  );
  await show(plane, 'apply', '-f', `${SAMPLES}/40-requests.yaml`);
  await plane.ok(['wait', '--for=condition=Ready', 'isr/web', 'isr/migrate', '-n', 'shop', '--timeout=60s']);
  await waitFor('isr/api to be told', async () =>
    /False/.test(await plane.ok(['get', 'isr', 'api', '-n', 'shop', '--no-headers'])),
  );
  await show(plane, 'get', 'isr', '-n', 'shop');
  narrator.look(
    'web and migrate are signed and verified. api is not READY: nobody signed it, and its request may only verify.',
  );
}

async function runTrusted(stage: Stage): Promise<string> {
  const { plane } = stage;
  narrator.step('A Deployment runs the signed image');
  await show(plane, 'apply', '-f', `${SAMPLES}/50-deployment.yaml`);
  await plane.ok(['wait', '--for=condition=Available', 'deployment/web', '-n', 'shop', '--timeout=30s']);
  const pod = await runningPodOf(plane, 'web');
  await waitFor('the running image to be trusted', async () => {
    const value = await stage.operator.metric('sealwatch_running_containers{namespace="shop",verdict="Trusted"}');
    return value === 1;
  });
  await waitFor('the counts of the policy', async () => {
    const columns = (await plane.ok(['get', 'tp', 'shop', '--no-headers'])).split(/\s+/);
    return columns[2] === '3' && columns[3] === '2';
  });
  await show(plane, 'get', 'tp');
  narrator.look('IMAGES under this policy are three: web and migrate are TRUSTED, and api, the third, is unsigned.');
  await showPods(plane);
  narrator.look('A healthy pod gets no condition: there is nothing to say.');
  return pod;
}

async function runUntrusted({ plane, forged, registry }: Stage): Promise<void> {
  narrator.step('Two more images run: one that nobody signed, and one that a stranger signed');
  const stranger = await createChain({ subject: 'C=US,ST=WA,O=Acme,CN=Acme Image Signing', caName: 'Stranger' });
  const { mediaType, digest, size } = forged;
  const subject = { mediaType, digest, size };
  const now = new Date();
  const { certificates, key } = stranger;
  const envelope = await signEnvelope({
    subject,
    key,
    certificates,
    format: 'JWS',
    signingTime: now,
    signingAgent: 'stranger/1',
  });
  await pushSignature(
    localRegistryClient(),
    parseReference(`${registry.host}/tools/migrate@${digest}`),
    subject,
    { envelope: envelope.bytes, mediaType: envelope.mediaType, annotations: signatureAnnotations(certificates, now) },
    AbortSignal.timeout(10_000),
  );
  narrator.progress('a stranger, who calls himself CN=Acme Image Signing,O=Acme, signs tools/migrate:v2');
  await show(plane, 'create', 'deployment', 'api', '-n', 'shop', `--image=${REGISTRY_NAME}/shop/api:v1`);
  await show(plane, 'create', 'deployment', 'migrate', '-n', 'shop', `--image=${REGISTRY_NAME}/tools/migrate:v2`);
  await waitForPod(plane, await runningPodOf(plane, 'api'), 'False', 'Unsigned');
  await waitForPod(plane, await runningPodOf(plane, 'migrate'), 'False', 'Untrusted');
  await showPods(plane);
  await showEvents(plane, 'ImageUntrusted', 2);
  narrator.look(
    "The stranger took Acme's name, but not its key: the root is in no trust store. The Deployment is told as well as its pod.",
  );
}

async function revoke({ plane, aws }: Stage, pod: string): Promise<void> {
  narrator.step('The signing job of the web image is revoked, with AWS Signer, while the image runs');
  const { status } = await plane.get<Request>('isr', 'web', '-n', 'shop');
  const jobArn = status?.images?.[0]?.signatures?.[0]?.jobArn;
  if (jobArn === undefined) throw new Error('isr/web names no signing job in its status');
  const signer = new SignerClient({ region: REGION, endpoint: aws.endpoint, credentials: aws.credentials });
  const jobId = jobArn.slice(jobArn.lastIndexOf('/') + 1);
  const reason = 'the build machine was compromised';
  await signer.send(new RevokeSignatureCommand({ jobId, jobOwner: ACCOUNT, reason }));
  const revokedAt = Date.now();
  narrator.command(`aws signer revoke-signature --job-id ${jobId} --reason '${reason}'`);
  await waitForPod(plane, pod, 'False', 'Revoked');
  const seconds = (Date.now() - revokedAt) / 1_000;
  if (seconds > SWEEP_SECONDS + 2)
    throw new Error(`flagged after ${seconds} s; expected the sweep interval, ${SWEEP_SECONDS} s, at most 2 s more`);
  await showPods(plane);
  const events = await showEvents(plane, 'ImageRevoked', 2);
  if (!events.includes(jobArn)) throw new Error(`the event does not name ${jobArn}`);
  await show(plane, 'get', 'isr', 'web', '-n', 'shop');
  narrator.look(
    `Flagged ${seconds.toFixed(1)} s after the revocation (the sweep interval is ${SWEEP_SECONDS} s), with the ARN of the job. It is not signed again by itself.`,
  );
}

const HOTFIX = `apiVersion: sealwatch.dev/v1alpha1
kind: ImageSignatureRequest
metadata: { name: hotfix, namespace: shop }
spec:
  images: ["${REGISTRY_NAME}/tools/migrate:hotfix"]
  sign: { key: { secretRef: { name: acme-signer } }, expiry: 20s }
`;

async function expire({ plane }: Stage): Promise<string> {
  narrator.step('A signature that holds for 20 seconds runs out');
  await showApply(plane, HOTFIX);
  await plane.ok(['wait', '--for=condition=Ready', 'isr/hotfix', '-n', 'shop', '--timeout=30s']);
  const { status } = await plane.get<Request>('isr', 'hotfix', '-n', 'shop');
  const expiresAt = status?.images?.[0]?.signatures?.[0]?.expiresAt;
  if (expiresAt === undefined) throw new Error('isr/hotfix names no expiry in its status');
  await show(plane, 'get', 'isr', 'hotfix', '-n', 'shop');
  await show(plane, 'patch', 'isr', 'hotfix', '-n', 'shop', '--type=merge', '-p', '{"spec":{"suspend":true}}');
  narrator.look('Suspended: else the request would sign anew the moment its signature runs out.');
  await show(plane, 'create', 'deployment', 'hotfix', '-n', 'shop', `--image=${REGISTRY_NAME}/tools/migrate:hotfix`);
  const pod = await runningPodOf(plane, 'hotfix');
  narrator.progress(`it runs, trusted, until ${expiresAt}`);
  await delay(Math.max(0, Date.parse(expiresAt) - Date.now()));
  const condition = await waitForPod(plane, pod, 'False', 'Expired');
  const late = Date.now() - Date.parse(expiresAt);
  if (late > 2_000) throw new Error(`flagged ${late} ms after ${expiresAt}`);
  await showPods(plane);
  narrator.look(
    `It expired at ${expiresAt} and the pod was flagged at ${condition.lastTransitionTime}: by timer, not by polling.`,
  );
  return pod;
}

async function signAnew({ plane }: Stage, web: string, hotfix: string): Promise<void> {
  narrator.step('Both are signed anew: the revoked one because a person asks for it, the expired one by its request');
  const now = `${new Date().toISOString().slice(0, 19)}Z`;
  await show(
    plane,
    'annotate',
    '--overwrite',
    'isr',
    'web',
    '-n',
    'shop',
    `sealwatch.dev/sign-anew-requested-at=${now}`,
  );
  const longer = '{"spec":{"suspend":false,"sign":{"expiry":"8760h"}}}';
  await show(plane, 'patch', 'isr', 'hotfix', '-n', 'shop', '--type=merge', '-p', longer);
  await waitForPod(plane, web, 'True', 'AllTrusted');
  await waitForPod(plane, hotfix, 'True', 'AllTrusted');
  await plane.ok(['wait', '--for=condition=Ready', 'isr/web', 'isr/hotfix', '-n', 'shop', '--timeout=30s']);
  await showPods(plane);
  await show(plane, 'get', 'isr', '-n', 'shop');
  narrator.look(
    'The pods are trusted again, without a restart: what counts is the image, and the image has a good signature.',
  );
}
