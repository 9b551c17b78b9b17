import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { TOOLS, toolNamed } from '../../../hack/tools/catalog.ts';
import { tarOf } from '../../support/tar.ts';
import { exists, publish, startDownloads, toolWorld } from './tool-world.ts';

const KUBECTL = toolNamed('kubectl');
const ETCD = toolNamed('etcd');
const PUBLISHED = Buffer.from('#!/bin/sh\necho published\n');
const sha256 = (content: Buffer): string => createHash('sha256').update(content).digest('hex');
const outputOf = (path: string): string => execFileSync(path, { encoding: 'utf8' }).trim();

describe('where a tool comes from', () => {
  it('is KUBEBUILDER_ASSETS before the PATH, when the version fits', async () => {
    const world = await toolWorld();
    const inAssets = await world.program('assets/kubectl', `Client Version: v${KUBECTL.version}`);
    const onPath = await world.program('bin/kubectl', `Client Version: v${KUBECTL.version}`);
    expect(await world.toolbox().ensure('kubectl')).toBe(onPath);
    world.env['KUBEBUILDER_ASSETS'] = join(world.folder, 'assets');
    expect(await world.toolbox().ensure('kubectl')).toBe(inAssets);
  });

  it.each([
    'Client Version: v1.32.4-dispatcher',
    `Client Version: v${KUBECTL.version}0`,
    `Client Version: v1${KUBECTL.version}`,
    `Client Version: v${KUBECTL.version}-rc.0`,
    `Client Version: v9.9.9, built with go${KUBECTL.version}`,
    '',
  ])('is not the PATH when the program there says "%s"', async (prints) => {
    const world = await toolWorld();
    await world.program('bin/kubectl', prints);
    await world.installGo();
    expect(await world.toolbox().ensure('kubectl')).toBe(world.cachedPath('kubectl'));
  });

  it('is the PATH when the program adds metadata of its build to the version', async () => {
    const world = await toolWorld();
    const onPath = await world.program('bin/registry', `registry v${toolNamed('registry').version}+unknown`);
    expect(await world.toolbox().ensure('registry')).toBe(onPath);
  });

  it('is the cache before a download', async () => {
    const world = await toolWorld();
    const downloads = await startDownloads();
    world.env['SEALWATCH_KUBERNETES_MIRROR'] = downloads.base;
    const cached = world.cachedPath('kubectl');
    await world.program(cached.slice(world.folder.length), 'cached');
    expect(await world.toolbox().ensure('kubectl')).toBe(cached);
    expect(downloads.requests).toEqual([]);
  });

  it('is a download before a build', async () => {
    const world = await toolWorld();
    await world.installGo();
    const downloads = await startDownloads();
    publish(downloads, KUBECTL, PUBLISHED);
    world.env['SEALWATCH_KUBERNETES_MIRROR'] = `${downloads.base}/`;
    expect(outputOf(await world.toolbox().ensure('kubectl'))).toBe('published');
    expect(await world.goCalls()).toEqual([]);
    expect(downloads.requests).toEqual([`/${KUBECTL.prebuilt?.hashPath}`, `/${KUBECTL.prebuilt?.path}`]);
  });

  it('is a build, with the flags and in the module that pin it, when nothing else is there', async () => {
    const world = await toolWorld();
    await world.installGo();
    const path = await world.toolbox().ensure('kube-apiserver');
    expect(path).toBe(world.cachedPath('kube-apiserver'));
    expect(outputOf(path)).toBe('built');
    const [call] = await world.goCalls();
    expect(call).toMatch(/hack\/tools\/kubernetes build .*-trimpath.* k8s\.io\/kubernetes\/cmd\/kube-apiserver$/);
    expect(call).toContain(`-X k8s.io/component-base/version.gitVersion=v${toolNamed('kube-apiserver').version}`);
  });
});

describe('a download', () => {
  it('of an archive gives the program within it', async () => {
    const world = await toolWorld();
    const downloads = await startDownloads();
    const archive = gzipSync(tarOf(ETCD.prebuilt?.member ?? '', PUBLISHED));
    const name = ETCD.prebuilt?.path.split('/').at(-1);
    publish(downloads, ETCD, archive, `${'0'.repeat(64)}  other.tar.gz\n${sha256(archive)}  ${name}\n`);
    world.env['SEALWATCH_GITHUB_MIRROR'] = downloads.base;
    expect(outputOf(await world.toolbox().ensure('etcd'))).toBe('published');
  });

  it.each([
    ['has another hash', '0'.repeat(64), /its SHA-256 is [0-9a-f]{64}, published is 0{64}/],
    ['has no hash published', 'moved\n', /names no hash of kubectl/],
    ['has only the hash of another file', `${sha256(PUBLISHED)}  kubelet\n`, /names no hash of kubectl/],
  ])('that %s is told and not used', async (_, hashLine, told) => {
    const world = await toolWorld();
    await world.installGo();
    const downloads = await startDownloads();
    publish(downloads, KUBECTL, PUBLISHED, hashLine);
    world.env['SEALWATCH_KUBERNETES_MIRROR'] = downloads.base;
    expect(outputOf(await world.toolbox().ensure('kubectl'))).toBe('built');
    expect(world.told.join('\n')).toMatch(told);
  });

  it('that is no archive is told and not used', async () => {
    const world = await toolWorld();
    await world.installGo();
    const downloads = await startDownloads();
    publish(downloads, ETCD, PUBLISHED);
    world.env['SEALWATCH_GITHUB_MIRROR'] = downloads.base;
    expect(outputOf(await world.toolbox().ensure('etcd'))).toBe('built');
    expect(world.told.join('\n')).toContain('cannot be unpacked');
  });

  it('that is not there is told, and its host asked for the next tool all the same', async () => {
    const world = await toolWorld();
    await world.installGo();
    const downloads = await startDownloads();
    world.env['SEALWATCH_GITHUB_MIRROR'] = downloads.base;
    const toolbox = world.toolbox();
    await toolbox.ensure('etcd');
    publish(downloads, toolNamed('oras'), gzipSync(tarOf('oras', PUBLISHED)));
    expect(outputOf(await toolbox.ensure('oras'))).toBe('published');
    expect(world.told.join('\n')).toContain('answers 404');
  });

  it('from a host that does not answer is tried once, not for each tool', async () => {
    const world = await toolWorld();
    await world.installGo();
    const downloads = await startDownloads((hangUp) => hangUp());
    world.env['SEALWATCH_GITHUB_MIRROR'] = downloads.base;
    const toolbox = world.toolbox();
    expect(outputOf(await toolbox.ensure('etcd'))).toBe('built');
    expect(outputOf(await toolbox.ensure('oras'))).toBe('built');
    expect(downloads.requests).toHaveLength(1);
    expect(world.told).toContain(`${downloads.base} cannot be reached`);
  });
});

describe('a build', () => {
  it('that fails leaves nothing, tells what Go said, and is tried anew', async () => {
    const world = await toolWorld();
    await world.installGo('echo "main.go:1: no such thing" >&2; exit 2');
    const toolbox = world.toolbox();
    await expect(toolbox.ensure('oras')).rejects.toThrow(
      /oras .* could not be built: go build ended with 2\n.*no such/,
    );
    expect(await exists(world.cachedPath('oras'))).toBe(false);
    expect(readdirSync(toolbox.cacheFolder)).toEqual([]);
    await world.installGo();
    expect(outputOf(await toolbox.ensure('oras'))).toBe('built');
  });

  it('that was interrupted is not taken for a finished one, and cleared away', async () => {
    const world = await toolWorld();
    // Killed at once, with this process none the wiser: half a program is there.
    await world.installGo('/bin/kill -9 $$');
    const toolbox = world.toolbox();
    await expect(toolbox.ensure('oras')).rejects.toThrow(/ended with SIGKILL/);
    expect(await exists(world.cachedPath('oras'))).toBe(false);
    // This process killed as well: what it made is still there.
    await world.note('cache/sealwatch/tools/.making-abc/oras', 'half a program');
    await world.installGo();
    expect(outputOf(await toolbox.ensure('oras'))).toBe('built');
    expect(readdirSync(toolbox.cacheFolder)).toEqual([`oras-${toolNamed('oras').version}`]);
  });

  it('is done once for all who ask at the same time', async () => {
    const world = await toolWorld();
    await world.installGo();
    const [one, two] = [world.toolbox(), world.toolbox()];
    const paths = await Promise.all([one.ensure('oras'), one.ensure('oras'), two.ensure('oras')]);
    expect(new Set(paths)).toEqual(new Set([world.cachedPath('oras')]));
    expect(await world.goCalls()).toHaveLength(1);
  });

  it('without go says what would help', async () => {
    const world = await toolWorld();
    const message = await world.toolbox().ensure('kubectl').then(String, String);
    expect(message).toContain(`kubectl ${KUBECTL.version} is not here, and there is no go on the PATH to build it`);
    expect(message).toMatch(/install Go 1\.26\.\d+ or newer/);
    expect(message).toContain('the folder that KUBEBUILDER_ASSETS names');
    expect(message).toContain('SEALWATCH_KUBERNETES_MIRROR');
  });

  it('of our own program is made anew when its source changes', async () => {
    const sources = ['main.go', 'go.mod', 'go.sum'].map((file) =>
      readFile(join('hack/tools/referrers-registry', file)),
    );
    const hash = sha256(Buffer.concat(await Promise.all(sources)));
    expect(hash.startsWith(toolNamed('referrers-registry').version)).toBe(true);
  });
});

it('a file that may not be run is no tool', async () => {
  const world = await toolWorld();
  await world.installGo();
  await mkdir(dirname(world.cachedPath('oras')), { recursive: true });
  await writeFile(world.cachedPath('oras'), 'not a program', { mode: 0o644 });
  expect(outputOf(await world.toolbox().ensure('oras'))).toBe('built');
});

it('an unknown tool is refused with the names of the known', () => {
  expect(() => toolNamed('hammer')).toThrow(/no tool hammer; known: .*kubectl/);
});

it.each(TOOLS.filter((tool) => tool.package !== '.'))('$name has a version', ({ version }) => {
  expect(version).toMatch(/^\d+\.\d+\.\d+$/);
});
