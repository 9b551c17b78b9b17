import { createHash } from 'node:crypto';
import { access, appendFile, chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type Tool, toolNamed } from '../../../hack/tools/catalog.ts';
import { Toolbox } from '../../../hack/tools/toolbox.ts';

/** A server of official downloads, on this machine. */
export interface Downloads {
  readonly base: string;
  /** Paths that were asked for. */
  readonly requests: string[];
  /** Paths that it has; others are not found. */
  readonly files: Map<string, Buffer>;
}

/** A machine as a toolbox sees it: an environment of its own, empty at first, and no host that answers. */
export class ToolWorld {
  readonly folder: string;
  readonly env: Record<string, string>;
  /** What people were told. */
  readonly told: string[] = [];

  constructor(folder: string, unreachable: string) {
    this.folder = folder;
    this.env = {
      // What the scripts below use; no go, and none of the tools.
      PATH: join(folder, 'bin'),
      XDG_CACHE_HOME: join(folder, 'cache'),
      SEALWATCH_KUBERNETES_MIRROR: unreachable,
      SEALWATCH_GITHUB_MIRROR: unreachable,
    };
  }

  toolbox(): Toolbox {
    return new Toolbox({ env: this.env, tell: (message) => void this.told.push(message) });
  }

  cachedPath(name: string): string {
    const tool = toolNamed(name);
    return join(this.folder, 'cache/sealwatch/tools', `${name}-${tool.version}`, name);
  }

  /** Writes a program that prints something. Returns its path. */
  async program(path: string, prints: string): Promise<string> {
    return this.script(path, `echo '${prints}'`);
  }

  async script(path: string, body: string): Promise<string> {
    const file = join(this.folder, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, `#!/bin/sh\n${body}\n`);
    await chmod(file, 0o755);
    return file;
  }

  /** Puts a `go` on the PATH: it notes each call and writes a program to the path after -o. */
  async installGo(afterwards = ''): Promise<void> {
    const target = 'while [ "$1" != -o ]; do shift; done; target=$2';
    const program = 'printf "#!/bin/sh\\necho built\\n" > "$target"; /bin/chmod 755 "$target"';
    await this.script('bin/go', `echo "$PWD $*" >> ${this.folder}/go.log\n${target}\n${program}\n${afterwards}`);
  }

  /** How often Go was called, with what. */
  async goCalls(): Promise<readonly string[]> {
    const log = await readFile(join(this.folder, 'go.log'), 'utf8').catch(() => '');
    return log.split('\n').filter((line) => line !== '');
  }

  async note(path: string, text: string): Promise<void> {
    await mkdir(dirname(join(this.folder, path)), { recursive: true });
    await appendFile(join(this.folder, path), text);
  }
}

/** A fresh machine, for one test. */
export async function toolWorld(): Promise<ToolWorld> {
  const folder = await mkdtemp(join(tmpdir(), 'sealwatch-tools-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const { base } = await startDownloads((socketEnd) => socketEnd());
  return new ToolWorld(folder, base);
}

/**
 * Starts a server of downloads, for one test.
 * @param onRequest instead of an answer: called with what breaks the connection off
 */
export async function startDownloads(onRequest?: (hangUp: () => void) => void): Promise<Downloads> {
  const requests: string[] = [];
  const files = new Map<string, Buffer>();
  const server = createServer((request, response) => {
    requests.push(request.url ?? '');
    if (onRequest !== undefined) {
      onRequest(() => request.socket.destroy());
      return;
    }
    const content = files.get(request.url ?? '');
    response.writeHead(content === undefined ? 404 : 200).end(content);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { base: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests, files };
}

/** Publishes a tool as its project does. */
export function publish(downloads: Downloads, tool: Tool, content: Buffer, hashLine?: string): void {
  if (tool.prebuilt === undefined) throw new Error(`${tool.name} is not published`);
  const hash = createHash('sha256').update(content).digest('hex');
  downloads.files.set(`/${tool.prebuilt.path}`, content);
  downloads.files.set(`/${tool.prebuilt.hashPath}`, Buffer.from(hashLine ?? `${hash}\n`));
}

export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
