import { createPublicKey, type KeyObject } from 'node:crypto';
import { type Chain, createChain, KEY_TYPES, type KeyType } from '../../support/pki.ts';

export const CHAIN_LENGTHS = [1, 2, 3, 4] as const;
export type ChainLength = (typeof CHAIN_LENGTHS)[number];

/** A chain of each length, all with one key: those of RSA take seconds to make. */
export type ChainsOfKey = Readonly<Record<ChainLength, Chain>>;

/** Makes the chains of every key type, the types side by side. */
export async function createInteropChains(): Promise<ReadonlyMap<KeyType, ChainsOfKey>> {
  return new Map(await Promise.all(KEY_TYPES.map(async (type) => [type, await createChainsOf(type)] as const)));
}

async function createChainsOf(type: KeyType): Promise<ChainsOfKey> {
  const single = await createChain({ length: 1, key: type, subject: subjectOf(type) });
  const [two, three, four] = await Promise.all([2, 3, 4].map((length) => longer(type, length, single.key)));
  if (two === undefined || three === undefined || four === undefined) throw new Error('three chains expected');
  return { 1: single, 2: two, 3: three, 4: four };
}

/** A chain round a key that there is already; its CAs have keys of the same kind, RSA ones no longer than need be. */
async function longer(type: KeyType, length: number, key: KeyObject): Promise<Chain> {
  const chain = await createChain({
    length: length as ChainLength,
    key: 'P-256',
    caKey: type.startsWith('RSA') ? 'RSA-2048' : type,
    hash: type === 'P-384' ? 'SHA-384' : 'SHA-256',
    subject: subjectOf(type),
    leafPublicKey: createPublicKey(key),
    caName: `${type} ${length}`,
  });
  return { ...chain, key, keyPem: key.export({ format: 'pem', type: 'pkcs8' }).toString() };
}

function subjectOf(type: KeyType): string {
  return `C=US,ST=WA,L=Seattle,O=Acme,CN=Signer ${type}`;
}
