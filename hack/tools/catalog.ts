import { contentVersion, pinnedVersion } from './versions.ts';

/** Where a project publishes its program ready-made, with the hash it publishes beside it. */
export interface Prebuilt {
  /** Base address; the environment variable may name a mirror. */
  readonly base: string;
  readonly baseVariable: string;
  readonly path: string;
  /** A file of one hash, or of lines `hash  file`. */
  readonly hashPath: string;
  /** Where the program lies within a .tar.gz; absent: the file is the program. */
  readonly member?: string;
}

/** A program that tests, the demo and benches run. */
export interface Tool {
  readonly name: string;
  readonly version: string;
  /** The Go module of ours that pins it: its folder, relative to hack/tools. */
  readonly module: string;
  /** The package to build. */
  readonly package: string;
  readonly ldflags: string;
  /** How long a first build takes, for people. */
  readonly coldBuild: string;
  /** Prints its version when run with these; absent: it is never taken from PATH. */
  readonly versionArguments?: readonly string[];
  /** Absent where the project publishes none for this machine. */
  readonly prebuilt?: Prebuilt;
  /** The one suite of tests that needs it, and makes it; absent: most do. */
  readonly suite?: 'install';
}

const STRIP = '-s -w';
const ARCHITECTURE = process.arch === 'arm64' ? 'arm64' : 'amd64';
/** The projects publish most of these programs for Linux alone; elsewhere they are built. */
const IS_PUBLISHED = process.platform === 'linux' && ['x64', 'arm64'].includes(process.arch);

function kubernetesTool(name: string, coldBuild: string, versionArguments: readonly string[]): Tool {
  const version = pinnedVersion('kubernetes', 'k8s.io/kubernetes');
  const [major, minor] = version.split('.');
  const stamp = { gitVersion: `v${version}`, gitMajor: major, gitMinor: minor };
  const stamps = Object.entries(stamp).map(([key, value]) => `-X k8s.io/component-base/version.${key}=${value}`);
  const path = `release/v${version}/bin/linux/${ARCHITECTURE}/${name}`;
  const prebuilt: Prebuilt = {
    base: 'https://dl.k8s.io',
    baseVariable: 'SEALWATCH_KUBERNETES_MIRROR',
    path,
    hashPath: `${path}.sha256`,
  };
  return {
    name,
    version,
    module: 'kubernetes',
    package: `k8s.io/kubernetes/cmd/${name}`,
    ldflags: [STRIP, ...stamps].join(' '),
    coldBuild,
    versionArguments,
    ...(IS_PUBLISHED ? { prebuilt } : {}),
  };
}

function githubTool(
  tool: Omit<Tool, 'prebuilt' | 'ldflags'>,
  published: {
    readonly repository: string;
    readonly archive: string;
    readonly hashes: string;
    readonly member: string;
  },
): Tool {
  const folder = `${published.repository}/releases/download/v${tool.version}`;
  const prebuilt: Prebuilt = {
    base: 'https://github.com',
    baseVariable: 'SEALWATCH_GITHUB_MIRROR',
    path: `${folder}/${published.archive}`,
    hashPath: `${folder}/${published.hashes}`,
    member: published.member,
  };
  return { ...tool, ldflags: STRIP, ...(IS_PUBLISHED ? { prebuilt } : {}) };
}

function etcd(): Tool {
  const version = pinnedVersion('etcd', 'go.etcd.io/etcd/server/v3');
  const stem = `etcd-v${version}-linux-${ARCHITECTURE}`;
  return githubTool(
    {
      name: 'etcd',
      version,
      module: 'etcd',
      package: 'go.etcd.io/etcd/server/v3',
      coldBuild: '1 minute',
      versionArguments: ['--version'],
    },
    { repository: 'etcd-io/etcd', archive: `${stem}.tar.gz`, hashes: 'SHA256SUMS', member: `${stem}/etcd` },
  );
}

function oras(): Tool {
  const version = pinnedVersion('oras', 'oras.land/oras');
  return githubTool(
    {
      name: 'oras',
      version,
      module: 'oras',
      package: 'oras.land/oras/cmd/oras',
      coldBuild: '30 seconds',
      versionArguments: ['version'],
    },
    {
      repository: 'oras-project/oras',
      archive: `oras_${version}_linux_${ARCHITECTURE}.tar.gz`,
      hashes: `oras_${version}_checksums.txt`,
      member: 'oras',
    },
  );
}

/** The registry without the Referrers API. */
function distribution(): Tool {
  const version = pinnedVersion('distribution', 'github.com/distribution/distribution/v3');
  const archive = `registry_${version}_linux_${ARCHITECTURE}.tar.gz`;
  return githubTool(
    {
      name: 'registry',
      version,
      module: 'distribution',
      package: 'github.com/distribution/distribution/v3/cmd/registry',
      coldBuild: '2 minutes',
      versionArguments: ['--version'],
    },
    { repository: 'distribution/distribution', archive, hashes: `${archive}.sha256`, member: 'registry' },
  );
}

/** Signs and verifies by notation-go, which the conformance suite compares with. */
function notationJudge(): Tool {
  const module = '../../test/interop';
  return {
    name: 'notation-judge',
    version: contentVersion(module),
    module,
    package: '.',
    ldflags: STRIP,
    coldBuild: '40 seconds',
  };
}

/** Installs the chart, as people do. */
function helm(): Tool {
  const version = pinnedVersion('helm', 'helm.sh/helm/v4');
  const archive = `helm-v${version}-linux-${ARCHITECTURE}.tar.gz`;
  return {
    name: 'helm',
    version,
    module: 'helm',
    package: 'helm.sh/helm/v4/cmd/helm',
    ldflags: `${STRIP} -X helm.sh/helm/v4/internal/version.version=v${version}`,
    coldBuild: '3 minutes',
    versionArguments: ['version', '--short'],
    suite: 'install',
    ...(IS_PUBLISHED
      ? {
          prebuilt: {
            base: 'https://get.helm.sh',
            baseVariable: 'SEALWATCH_HELM_MIRROR',
            path: archive,
            hashPath: `${archive}.sha256sum`,
            member: `linux-${ARCHITECTURE}/helm`,
          },
        }
      : {}),
  };
}

/** Holds manifests against the schemas of the API server. */
function kubeconform(): Tool {
  return githubTool(
    {
      name: 'kubeconform',
      version: pinnedVersion('kubeconform', 'github.com/yannh/kubeconform'),
      module: 'kubeconform',
      package: 'github.com/yannh/kubeconform/cmd/kubeconform',
      coldBuild: '10 seconds',
      versionArguments: ['-v'],
      suite: 'install',
    },
    {
      repository: 'yannh/kubeconform',
      archive: `kubeconform-linux-${ARCHITECTURE}.tar.gz`,
      hashes: 'CHECKSUMS',
      member: 'kubeconform',
    },
  );
}

/** Tests alerts on series. Its module counts its versions from 0.300.0, for the program's 3.0.0. */
function promtool(): Tool {
  const version = pinnedVersion('promtool', 'github.com/prometheus/prometheus');
  return {
    name: 'promtool',
    version,
    module: 'promtool',
    package: 'github.com/prometheus/prometheus/cmd/promtool',
    ldflags: STRIP,
    coldBuild: '5 minutes',
    suite: 'install',
  };
}

/** Every program, the quick ones to build first. */
export const TOOLS: readonly Tool[] = [
  {
    name: 'referrers-registry',
    version: contentVersion('referrers-registry'),
    module: 'referrers-registry',
    package: '.',
    ldflags: STRIP,
    coldBuild: '10 seconds',
  },
  oras(),
  etcd(),
  notationJudge(),
  distribution(),
  kubernetesTool('kube-apiserver', '8 minutes', ['--version']),
  kubernetesTool('kubectl', '1 minute', ['version', '--client']),
  kubernetesTool('kube-controller-manager', '3 minutes', ['--version']),
  kubeconform(),
  helm(),
  promtool(),
];

/** What a suite of tests needs: what most need, and what is for it alone. */
export function toolsOf(suite: string): readonly Tool[] {
  return TOOLS.filter((tool) => tool.suite === undefined || tool.suite === suite);
}

/** The tool of a name. @throws Error that lists the names */
export function toolNamed(name: string): Tool {
  const tool = TOOLS.find((candidate) => candidate.name === name);
  if (tool === undefined) throw new Error(`no tool ${name}; known: ${TOOLS.map((each) => each.name).join(', ')}`);
  return tool;
}
