import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseTrustStore, type TrustStoreCertificates, type TrustStoreKind } from '../../../src/notary/index.ts';

/** Trust stores by `type:name`, each the PEM texts of its files. */
export type StoreFiles = Readonly<Record<string, readonly string[]>>;

/** Writes trust stores as notation keeps them: truststore/x509/TYPE/NAME/N.pem below the folder. */
export async function writeStores(folder: string, stores: StoreFiles): Promise<void> {
  for (const [store, files] of Object.entries(stores)) {
    const [type = '', name = ''] = store.split(':');
    const path = join(folder, 'truststore', 'x509', type, name);
    await mkdir(path, { recursive: true });
    for (const [i, pem] of files.entries()) await writeFile(join(path, `${i}.pem`), pem);
  }
}

/** The same stores for Sealwatch. @throws NotaryError for one that it refuses */
export function readStores(stores: StoreFiles): {
  readonly find: (type: TrustStoreKind, name: string) => TrustStoreCertificates | undefined;
} {
  const found = Object.entries(stores).map(([store, files]) => {
    const [type = '', name = ''] = store.split(':');
    return parseTrustStore(type as TrustStoreKind, name, files.join('\n'));
  });
  return { find: (type, name) => found.find((store) => store.type === type && store.name === name) };
}
