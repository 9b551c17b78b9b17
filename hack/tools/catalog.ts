import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const TOOLS_FOLDER = import.meta.dirname;

/** Where the project publishes the same program ready-made, with the hash it publishes beside it. */
export interface Prebuilt {
  /** Base address; an environment variable may name a mirror. */
  readonly base: string;
  readonly baseVariable: string;
  readonly path: string;
  readonly hashPath: string;
  /** Where the program lies within a .tar.gz; absent: the file is the program. */
  readonly member?: string;
}

/** A program that tests, the demo and benches run. */
export interface Tool {
  readonly name: string;
  readonly version: string;
  /** Folder of the Go module that pins it. */
  readonly module: string;
  /** Package to build. */
  readonly package: string;
  readonly ldflags: string;
  /** Rough time of a cold build, for people. */
  readonly coldBuild: string;
  /** Prints its version when run with these; absent: it is never taken from PATH. */
  readonly versionArguments?: readonly string[];
  readonly prebuilt?: Prebuilt;
}

/** The version of a module as go.mod pins it. */
function pinned(module: string, path: string): string {
  const text = readFileSync(join(TOOLS_FOLDER, module, 'go.mod'), 'utf8');
  const line = text.split('\n').find((candidate) => candidate.replace(/^require\s+/, '').trim().startsWith(`${path} v`));
  const version = line?.trim().split(/\s+/).find((part) => /^v\d/.test(part))?.slice(1);
  if (version === undefined) throw new Error(`hack/tools/${module}/go.mod pins no version of ${path}`);
  return version;
}

const STRIP = '-s -w';
const ARCH = process.arch === 'arm64' ? 'arm64' : 'amd64';
const kubernetes = pinned('kubernetes', 'k8s.io/kubernetes');
const [major, minor] = kubernetes.split('.');
const STAMP = `${STRIP} -X k8s.io/component-base/version.gitVersion=v${kubernetes} -X k8s.io/component-base/version.gitMajor=${major} -X k8s.io/component-base/version.gitMinor=${minor}`;

function kubernetesTool(name: string, coldBuild: string, versionArguments: readonly string[]): Tool {
  const path = `v${kubernetes}/bin/linux/${ARCH}/${name}`;
  return {
    name,
    version: kubernetes,
    module: 'kubernetes',
    package: `k8s.io/kubernetes/cmd/${name}`,
    ldflags: STAMP,
    coldBuild,
    versionArguments,
    prebuilt: { base: 'https://dl.k8s.io', baseVariable: 'SEALWATCH_KUBERNETES_MIRROR', path, hashPath: `${path}.sha256` },
  };
}

function githubTool(
  tool: Omit<Tool, 'prebuilt' | 'ldflags'>,
  repository: string,
  archive: string,
  hashFile: string,
  member: string,
): Tool {
  const folder = `${repository}/releases/download/v${tool.version}`;
  return {
    ...tool,
    ldflags: STRIP,
    prebuilt: {
      base: 'https://github.com',
      baseVariable: 'SEALWATCH_GITHUB_MIRROR',
      path: `${folder}/${archive}`,
      hashPath: `${folder}/${hashFile}`,
      member,
    },
  };
}

const etcd = pinned('etcd', 'go.etcd.io/etcd/server/v3');
const oras = pinned('oras', 'oras.land/oras');
const distribution = pinned('distribution', 'github.com/distribution/distribution/v3');

/** Our own registry has no version: what it is made of names it. */
function contentVersion(module: string): string {
  const hash = createHash('sha256');
  for (const file of ['main.go', 'go.mod', 'go.sum']) hash.update(readFileSync(join(TOOLS_FOLDER, module, file)));
  return hash.digest('hex').slice(0, 12);
}

export const TOOLS: readonly Tool[] = [
  kubernetesTool('kube-apiserver', '8 minutes', ['--version']),
  kubernetesTool('kube-controller-manager', '3 minutes', ['--version']),
  kubernetesTool('kubectl', '1 minute', ['version', '--client']),
  githubTool(
    { name: 'etcd', version: etcd, module: 'etcd', package: 'go.etcd.io/etcd/server/v3', coldBuild: '1 minute', versionArguments: ['--version'] },
    'etcd-io/etcd',
    `etcd-v${etcd}-linux-${ARCH}.tar.gz`,
    'SHA256SUMS',
    `etcd-v${etcd}-linux-${ARCH}/etcd`,
  ),
  githubTool(
    { name: 'oras', version: oras, module: 'oras', package: 'oras.land/oras/cmd/oras', coldBuild: '30 seconds', versionArguments: ['version'] },
    'oras-project/oras',
    `oras_${oras}_linux_${ARCH}.tar.gz`,
    `oras_${oras}_checksums.txt`,
    'oras',
  ),
  githubTool(
    {
      name: 'registry',
      version: distribution,
      module: 'distribution',
      package: 'github.com/distribution/distribution/v3/cmd/registry',
      coldBuild: '2 minutes',
    },
    'distribution/distribution',
    `registry_${distribution}_linux_${ARCH}.tar.gz`,
    `registry_${distribution}_linux_${ARCH}.tar.gz.sha256`,
    'registry',
  ),
  {
    name: 'referrers-registry',
    version: contentVersion('referrers-registry'),
    module: 'referrers-registry',
    package: '.',
    ldflags: STRIP,
    coldBuild: '10 seconds',
  },
];

/** The tool of a name. @throws Error that lists the names */
export function toolNamed(name: string): Tool {
  const tool = TOOLS.find((candidate) => candidate.name === name);
  if (tool === undefined) throw new Error(`no tool ${name}; known: ${TOOLS.map((each) => each.name).join(', ')}`);
  return tool;
}

/** The folder of the module that pins a tool. */
export function moduleFolder(tool: Tool): string {
  return join(TOOLS_FOLDER, tool.module);
}
