import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { ensureTool } from '../../hack/tools/ensure.ts';
import type { Descriptor } from '../../src/notary/index.ts';

/** What to sign or verify: an image of a registry (plain HTTP), of an OCI image layout, or an envelope alone. */
export interface JudgeTarget {
  /** `registry/repository@digest`; with a layout, only the policy's scope and the digest. */
  readonly reference?: string;
  /** Folder of an OCI image layout. */
  readonly layout?: string;
  readonly username?: string;
  readonly password?: string;
  /** No registry is asked: signing answers the envelope, verifying is given one. */
  readonly subject?: Descriptor;
}

export interface JudgeSignRequest extends JudgeTarget {
  readonly operation: 'sign';
  readonly format: 'jws' | 'cose';
  /** PEM. */
  readonly key: string;
  /** PEM, leaf first. */
  readonly chain: string;
  readonly expirySeconds?: number;
  readonly userMetadata?: Readonly<Record<string, string>>;
  readonly scheme?: string;
  readonly timestampUrl?: string;
  /** PEM. */
  readonly timestampRoots?: string;
}

export interface JudgeVerifyRequest extends JudgeTarget {
  readonly operation: 'verify';
  /** A trust policy document, or what is none. */
  readonly policy: unknown;
  /** The folder that holds truststore/x509/TYPE/NAME/. */
  readonly stores: string;
  /** Base64. */
  readonly signatureEnvelope?: string;
  readonly mediaType?: string;
  readonly requiredMetadata?: Readonly<Record<string, string>>;
}

/** Verifies the envelope over and over, with the trust stores in memory. */
export interface JudgeMeasureRequest extends Omit<JudgeVerifyRequest, 'operation'> {
  readonly operation: 'measure';
  readonly times: number;
}

export interface JudgePolicyRequest {
  readonly operation: 'policy';
  readonly policy: unknown;
  /** Asks which statement applies to it. */
  readonly reference?: string;
}

export type JudgeRequest = JudgeSignRequest | JudgeVerifyRequest | JudgeMeasureRequest | JudgePolicyRequest;

/** One validation of one signature, as notation-go tells it; no error when it passed. */
export interface JudgeResult {
  readonly type: string;
  readonly action: string;
  readonly error?: string;
}

export interface JudgeAnswer {
  readonly ok: boolean;
  /** Why notation-go refuses. */
  readonly error?: string;
  readonly results?: readonly JudgeResult[];
  /** Base64, of a signing without a registry. */
  readonly envelope?: string;
  /** Of what was signed. */
  readonly digest?: string;
  /** The statement that applies to the reference of a policy request. */
  readonly statement?: string;
  readonly measured?: {
    /** Of each verification. */
    readonly wallNanoseconds: readonly number[];
    /** Of the process, for all of them together. */
    readonly cpuNanoseconds: number;
  };
}

/** notation-go, asked over a pipe. */
export interface Judge {
  /** Rejects only when the judge could not do what it was asked; what notation-go refuses is an answer. */
  readonly ask: (request: JudgeRequest) => Promise<JudgeAnswer>;
  /** Resolves when the process has ended. */
  readonly stop: () => Promise<void>;
}

interface Waiting {
  readonly resolve: (answer: JudgeAnswer) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Starts the judge of test/interop. It ends with this process, whose end closes its input.
 * @param env beside that of this process
 */
export async function startJudge(env: NodeJS.ProcessEnv = {}): Promise<Judge> {
  const child = spawn(await ensureTool('notation-judge'), [], {
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const waiting = new Map<number, Waiting>();
  const exited = Promise.withResolvers<void>();
  const end = (reason: string): void => {
    for (const { reject } of waiting.values()) reject(new Error(`notation-judge ${reason}`));
    waiting.clear();
    exited.resolve();
  };
  child.once('error', (error) => end(`could not be started: ${error.message}`));
  child.once('close', (code) => end(`ended with ${code}`));
  // What it can no longer be told is told by its end.
  child.stdin.on('error', () => undefined);
  createInterface({ input: child.stdout }).on('line', (line) => {
    const { id, fault, ...answer } = JSON.parse(line) as JudgeAnswer & {
      readonly id?: number;
      readonly fault?: string;
    };
    const asked = waiting.get(id ?? -1);
    waiting.delete(id ?? -1);
    if (fault === undefined) asked?.resolve(answer);
    else asked?.reject(new Error(`notation-judge: ${fault}`));
  });
  let last = 0;
  return {
    ask: (request) => {
      last += 1;
      const { promise, resolve, reject } = Promise.withResolvers<JudgeAnswer>();
      waiting.set(last, { resolve, reject });
      child.stdin.write(`${JSON.stringify({ id: last, ...request })}\n`);
      return promise;
    },
    stop: async () => {
      child.stdin.end();
      await exited.promise;
    },
  };
}
