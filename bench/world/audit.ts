import { readFile, stat } from 'node:fs/promises';

const OPERATOR = 'system:serviceaccount:sealwatch-system:sealwatch';
const READS: ReadonlySet<string> = new Set(['get', 'list', 'watch']);

export interface OperatorRequest {
  readonly verb: string;
  /** With its subresource. */
  readonly resource: string;
}

interface AuditEvent {
  readonly verb: string;
  readonly stage: string;
  readonly user: { readonly username: string };
  readonly objectRef?: { readonly resource?: string; readonly subresource?: string };
}

/** What the API server says that the operator asked, from a place in its audit log on. */
export class Audit {
  readonly #path: string;
  #from = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** What was asked so far no more counts. */
  async begin(): Promise<void> {
    this.#from = (await stat(this.#path)).size;
  }

  async requests(): Promise<readonly OperatorRequest[]> {
    const text = (await readFile(this.#path)).subarray(this.#from).toString('utf8');
    return text
      .split('\n')
      .flatMap((line) => (line.endsWith('}') ? (requestOf(JSON.parse(line) as AuditEvent) ?? []) : []));
  }
}

/** A watch counts when it is opened, everything else when it is answered. */
function requestOf({ verb, stage, user, objectRef }: AuditEvent): OperatorRequest | undefined {
  if (user.username !== OPERATOR || stage !== (verb === 'watch' ? 'ResponseStarted' : 'ResponseComplete'))
    return undefined;
  const { resource = '', subresource } = objectRef ?? {};
  return { verb, resource: subresource === undefined ? resource : `${resource}/${subresource}` };
}

export function isWrite({ verb }: OperatorRequest): boolean {
  return !READS.has(verb);
}
