import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { tarOf } from './tar.ts';

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const INDEX = 'application/vnd.oci.image.index.v1+json';
const LAYER = 'application/vnd.oci.image.layer.v1.tar+gzip';
const CONFIG = 'application/vnd.oci.image.config.v1+json';

export interface ImageDescriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/**
 * Writes an OCI image layout of one image, or of an index of images, whose digest depends on its content alone.
 * @param platforms `os/architecture`, an image each in an index; absent: one image without an index
 */
export async function writeImageLayout(
  folder: string,
  tag: string,
  content: string,
  platforms?: readonly string[],
): Promise<ImageDescriptor> {
  await mkdir(join(folder, 'blobs', 'sha256'), { recursive: true });
  const root =
    platforms === undefined
      ? await writeImage(folder, content, 'linux/amd64')
      : await writeIndex(folder, content, platforms);
  const annotations = { 'org.opencontainers.image.ref.name': tag };
  await writeFile(
    join(folder, 'index.json'),
    JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests: [{ ...root, annotations }] }),
  );
  await writeFile(join(folder, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  return root;
}

async function writeIndex(folder: string, content: string, platforms: readonly string[]): Promise<ImageDescriptor> {
  const manifests = await Promise.all(
    platforms.map(async (platform) => {
      const [os, architecture] = platform.split('/');
      return { ...(await writeImage(folder, content, platform)), platform: { architecture, os } };
    }),
  );
  return writeBlob(folder, JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests }), INDEX);
}

async function writeImage(folder: string, content: string, platform: string): Promise<ImageDescriptor> {
  const [os, architecture] = platform.split('/');
  const tar = tarOf('app.txt', Buffer.from(`${content}\n`));
  const config = {
    architecture,
    os,
    config: { Cmd: ['/app.txt'] },
    rootfs: { type: 'layers', diff_ids: [digestOf(tar)] },
  };
  const manifest = {
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: await writeBlob(folder, JSON.stringify(config), CONFIG),
    layers: [await writeBlob(folder, gzipSync(tar), LAYER)],
  };
  return writeBlob(folder, JSON.stringify(manifest), MANIFEST);
}

async function writeBlob(folder: string, content: string | Buffer, mediaType: string): Promise<ImageDescriptor> {
  const bytes = Buffer.from(content);
  const digest = digestOf(bytes);
  await writeFile(join(folder, 'blobs', ...digest.split(':')), bytes);
  return { mediaType, digest, size: bytes.byteLength };
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
