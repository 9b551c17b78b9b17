import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ImageDescriptor, writeImageLayout } from './image-layout.ts';
import { type Chain, createChain } from './pki.ts';
import { type TemporaryFolder, temporaryFolder } from './temporary-folder.ts';

/** The scope that stands for the layout in policies. */
export const SCOPE = 'registry.example.com/shop/web';

/** What somebody has on disk who signs and verifies with the command: a layout, a key, and notation's folder. */
export interface CliWorld {
  readonly folder: TemporaryFolder;
  readonly chain: Chain;
  readonly image: ImageDescriptor;
  readonly layout: string;
  /** Of `XDG_CONFIG_HOME`. */
  readonly xdg: string;
  /** `XDG_CONFIG_HOME/notation`. */
  readonly config: string;
  readonly key: string;
  readonly chainFile: string;
  /** The environment of the command: neither the folder nor the credentials of whoever runs the tests. */
  readonly env: Readonly<Record<string, string>>;
  /** Replaces the policy of the configuration folder with one statement: changes to the usual one. */
  readonly writePolicy: (statement: object, path?: string) => Promise<string>;
  readonly path: (...names: readonly string[]) => string;
}

/** Makes a world of its own. */
export async function createCliWorld(): Promise<CliWorld> {
  const folder = await temporaryFolder('cli');
  const path = (...names: readonly string[]): string => join(folder.path, ...names);
  const chain = await createChain({ subject: 'C=US,ST=WA,L=Seattle,O=Acme,CN=Acme Image Signing', caName: 'Acme' });
  const config = path('xdg', 'notation');
  const store = join(config, 'truststore', 'x509', 'ca', 'acme');
  await mkdir(store, { recursive: true });
  await writeFile(join(store, 'root.pem'), chain.rootPem);
  await writeFile(path('key.pem'), chain.keyPem);
  await writeFile(path('chain.pem'), chain.pem);
  const writePolicy: CliWorld['writePolicy'] = async (statement, file = join(config, 'trustpolicy.json')) => {
    const document = { version: '1.0', trustPolicies: [{ ...STATEMENT, ...statement }] };
    await writeFile(file, JSON.stringify(document));
    return file;
  };
  await writePolicy({});
  return {
    folder,
    chain,
    image: await writeImageLayout(path('web'), 'v1', 'hello'),
    layout: path('web'),
    xdg: path('xdg'),
    config,
    key: path('key.pem'),
    chainFile: path('chain.pem'),
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: path('home'),
      XDG_CONFIG_HOME: path('xdg'),
      DOCKER_CONFIG: path('docker'),
    },
    writePolicy,
    path,
  };
}

const STATEMENT = {
  name: 'acme-images',
  registryScopes: [SCOPE],
  signatureVerification: { level: 'strict' },
  trustStores: ['ca:acme'],
  trustedIdentities: ['x509.subject: C=US, ST=WA, O=Acme'],
};
