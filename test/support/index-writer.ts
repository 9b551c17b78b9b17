import { type ChildProcess, fork } from 'node:child_process';
import type { Descriptor } from '../../src/notary/index.ts';
import {
  anonymous,
  deleteSignature,
  parseReference,
  pushSignature,
  RegistryClient,
  relistSignature,
} from '../../src/oci/index.ts';
import { createDispatcher } from '../../src/transport/index.ts';

/** What a writer is to do with the signatures of an image. */
export type WriterTask = { readonly reference: string; readonly subject: Descriptor } & (
  | { readonly kind: 'push'; readonly envelope: string }
  | { readonly kind: 'delete' | 'relist'; readonly digest: string }
);

type Answer = { readonly id: number } & ({ readonly digest: string } | { readonly error: string });

/** A process of its own that signs images: not even memory is shared with another writer. */
export interface IndexWriter {
  /** @returns the digest of the signature. Rejects with what the writer says */
  readonly run: (task: WriterTask) => Promise<string>;
  readonly stop: () => Promise<void>;
}

/** Starts a writer, by whose name its requests are known: it is its User-Agent. */
export function startIndexWriter(name: string): IndexWriter {
  const child: ChildProcess = fork(import.meta.filename, [name], { execArgv: [] });
  const pending = new Map<
    number,
    { readonly resolve: (digest: string) => void; readonly reject: (e: Error) => void }
  >();
  let tasks = 0;
  child.on('message', (answer: Answer) => {
    const task = pending.get(answer.id);
    pending.delete(answer.id);
    if ('error' in answer) task?.reject(new Error(`writer ${name}: ${answer.error}`));
    else task?.resolve(answer.digest);
  });
  const ended = new Promise<void>((resolve) => {
    child.on('exit', (code) => {
      for (const { reject } of pending.values()) reject(new Error(`writer ${name} ended with ${code}`));
      resolve();
    });
  });
  return {
    run: (task) =>
      new Promise((resolve, reject) => {
        tasks += 1;
        pending.set(tasks, { resolve, reject });
        child.send({ id: tasks, task });
      }),
    stop: async () => {
      child.disconnect();
      await ended;
    },
  };
}

async function work(client: RegistryClient, task: WriterTask): Promise<string> {
  const reference = parseReference(task.reference);
  const signal = AbortSignal.timeout(60_000);
  switch (task.kind) {
    case 'push': {
      const artifact = { envelope: Buffer.from(task.envelope), mediaType: 'application/jose+json', annotations: {} };
      return (await pushSignature(client, reference, task.subject, artifact, signal)).digest;
    }
    case 'delete':
      await deleteSignature(client, reference, task.subject.digest, task.digest, signal);
      return task.digest;
    case 'relist':
      return (await relistSignature(client, reference, task.subject, task.digest, signal)) ? task.digest : '';
  }
}

/** The other side: this file as a program. */
function serve(name: string): void {
  const dispatcher = createDispatcher({ allowAddresses: ['127.0.0.0/8'] });
  const client = new RegistryClient({
    dispatcher,
    credentials: anonymous,
    plainHTTPHosts: (host) => host.startsWith('127.0.0.1:'),
    userAgent: name,
    maxAttempts: 1,
    timeoutMs: 20_000,
  });
  process.on('message', ({ id, task }: { readonly id: number; readonly task: WriterTask }) => {
    work(client, task).then(
      (digest) => process.send?.({ id, digest }),
      (error: unknown) => process.send?.({ id, error: String(error) }),
    );
  });
  process.on('disconnect', () => void dispatcher.close());
}

if (process.argv[1] === import.meta.filename) serve(process.argv[2] ?? '');
