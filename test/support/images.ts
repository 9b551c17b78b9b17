import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { ensureTool } from '../../hack/tools/ensure.ts';
import { type ImageDescriptor, writeImageLayout } from './image-layout.ts';
import { temporaryFolder } from './temporary-folder.ts';

const run = promisify(execFile);
const PUSH_MS = 60_000;

export interface PushedImage extends ImageDescriptor {
  /** `host/repository:tag`. */
  readonly reference: string;
  /** `host/repository`. */
  readonly repository: string;
}

export interface PushOptions {
  /** What the image's one file holds: other content, other digest. */
  readonly content?: string;
  /** Pushes an index of one image for each, such as `linux/arm64`; absent: one image, for linux/amd64. */
  readonly platforms?: readonly string[];
  readonly basic?: { readonly username: string; readonly password: string };
}

/**
 * Builds a real OCI image of one layer and pushes it with oras, a client nobody here wrote.
 * @param host `host:port` of a registry that speaks plain HTTP
 * @throws Error with what oras says
 */
export async function pushImage(
  host: string,
  repository: string,
  tag: string,
  { content = `${repository}:${tag}`, platforms, basic }: PushOptions = {},
): Promise<PushedImage> {
  const folder = await temporaryFolder('image');
  try {
    const descriptor = await writeImageLayout(folder.path, tag, content, platforms);
    const reference = `${host}/${repository}:${tag}`;
    const credentials = basic === undefined ? [] : ['--to-username', basic.username, '--to-password', basic.password];
    const parameters = ['copy', '--from-oci-layout', `${folder.path}:${tag}`, '--to-plain-http', reference];
    // Its own configuration folder: the credentials of whoever runs the tests stay out of it.
    const env = { ...process.env, DOCKER_CONFIG: folder.path };
    await run(await ensureTool('oras'), [...parameters, ...credentials], { env, timeout: PUSH_MS });
    return { reference, repository: `${host}/${repository}`, ...descriptor };
  } finally {
    await folder.remove();
  }
}
