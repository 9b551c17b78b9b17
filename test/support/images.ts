import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { ensureTool } from '../../hack/tools/ensure.ts';

const run = promisify(execFile);

export interface PushedImage {
  /** `host/repository:tag`. */
  readonly reference: string;
  readonly repository: string;
  readonly digest: string;
  readonly mediaType: string;
  readonly size: number;
}

export interface PushOptions {
  /** What the image's one file holds: other content, other digest. */
  readonly content?: string;
  readonly basic?: { readonly username: string; readonly password: string };
}

/** Builds a real OCI image of one layer and pushes it with oras, a client nobody here wrote. */
export async function pushImage(host: string, repository: string, tag: string, options: PushOptions = {}): Promise<PushedImage> {
  const folder = await mkdtemp(join(tmpdir(), 'sealwatch-image-'));
  try {
    const manifest = await writeLayout(folder, tag, options.content ?? `${repository}:${tag}`);
    const reference = `${host}/${repository}:${tag}`;
    const credentials =
      options.basic === undefined ? [] : ['--to-username', options.basic.username, '--to-password', options.basic.password];
    await run(await ensureTool('oras'), ['copy', '--from-oci-layout', `${folder}:${tag}`, reference, '--to-plain-http', ...credentials], {
      env: { ...process.env, DOCKER_CONFIG: folder },
    });
    return { reference, repository: `${host}/${repository}`, ...manifest };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function writeLayout(folder: string, tag: string, content: string): Promise<Pick<PushedImage, 'digest' | 'mediaType' | 'size'>> {
  const blobs = join(folder, 'blobs', 'sha256');
  await mkdir(blobs, { recursive: true });
  const put = async (bytes: Buffer, mediaType: string): Promise<{ mediaType: string; digest: string; size: number }> => {
    const hex = createHash('sha256').update(bytes).digest('hex');
    await writeFile(join(blobs, hex), bytes);
    return { mediaType, digest: `sha256:${hex}`, size: bytes.byteLength };
  };
  const tar = tarOf('app.txt', Buffer.from(`${content}\n`));
  const layer = await put(gzipSync(tar), 'application/vnd.oci.image.layer.v1.tar+gzip');
  const config = {
    architecture: 'amd64',
    os: 'linux',
    config: { Cmd: ['/app.txt'] },
    rootfs: { type: 'layers', diff_ids: [`sha256:${createHash('sha256').update(tar).digest('hex')}`] },
  };
  const manifest = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: await put(Buffer.from(JSON.stringify(config)), 'application/vnd.oci.image.config.v1+json'),
    layers: [layer],
  };
  const descriptor = await put(Buffer.from(JSON.stringify(manifest)), manifest.mediaType);
  const index = { schemaVersion: 2, manifests: [{ ...descriptor, annotations: { 'org.opencontainers.image.ref.name': tag } }] };
  await writeFile(join(folder, 'index.json'), JSON.stringify(index));
  await writeFile(join(folder, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  return descriptor;
}

/** A tar archive of one file (POSIX ustar), with no time in it, so that the same content has the same digest. */
function tarOf(name: string, content: Buffer): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write('0000644\0', 100);
  header.write('0000000\0', 108);
  header.write('0000000\0', 116);
  header.write(`${content.byteLength.toString(8).padStart(11, '0')}\0`, 124);
  header.write('00000000000\0', 136);
  header.write('        ', 148);
  header.write('0', 156);
  header.write('ustar\0' + '00', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  const padding = Buffer.alloc((512 - (content.byteLength % 512)) % 512);
  return Buffer.concat([header, content, padding, Buffer.alloc(1024)]);
}
