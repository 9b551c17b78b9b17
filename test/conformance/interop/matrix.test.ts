import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SignatureFormat } from '../../../src/notary/index.ts';
import { createTsaChain } from '../../support/forge-timestamp.ts';
import { type Judge, startJudge } from '../../support/judge.ts';
import { KEY_TYPES, type KeyType } from '../../support/pki.ts';
import { REGISTRY_KINDS } from '../../support/registries.ts';
import { type TemporaryFolder, temporaryFolder } from '../../support/temporary-folder.ts';
import { startTsaServer, type TsaServer } from '../../support/tsa-server.ts';
import {
  type CellInput,
  FORMATS,
  storeName,
  TSA_STORE,
  theySignWeVerify,
  VARIANTS,
  type Variant,
  weSignTheyVerify,
} from './cells.ts';
import { CHAIN_LENGTHS, type ChainsOfKey, createInteropChains } from './chains.ts';
import { layoutPlace, type Place, registryPlace } from './places.ts';
import { formatMatrix } from './table.ts';
import { writeStores } from './trust.ts';

let judge: Judge;
let folder: TemporaryFolder;
let chains: ReadonlyMap<KeyType, ChainsOfKey>;
let tsa: TsaServer;
let places: readonly Place[] = [];
let stores: Record<string, readonly string[]> = {};
/** By `row/column`: a mark for each place, notation-go signing, then a mark for each place, Sealwatch signing. */
const marks = new Map<string, readonly boolean[]>();

beforeAll(async () => {
  folder = await temporaryFolder('interop');
  [judge, tsa, chains, places] = await Promise.all([
    startJudge(),
    createTsaChain().then((chain) => startTsaServer({ tsa: chain })),
    createInteropChains(),
    Promise.all([...REGISTRY_KINDS.map((kind) => registryPlace(kind)), layoutPlace()]),
  ]);
  stores = Object.fromEntries(
    [...chains].flatMap(([type, of]) =>
      CHAIN_LENGTHS.map((length) => [storeName(type, length), [of[length].rootPem]] as const),
    ),
  );
  stores = { ...stores, [TSA_STORE]: [tsa.tsa.rootPem] };
  await writeStores(folder.path, stores);
});

afterAll(async () => {
  await judge?.stop();
  await tsa?.close();
  for (const place of places) await place.stop();
  await folder?.remove();
  printMatrix();
});

function rowLabel(keyType: KeyType, format: string): string {
  return `${keyType.padEnd(8)} ${format}`;
}

function printMatrix(): void {
  const rows = KEY_TYPES.flatMap((keyType) =>
    FORMATS.map((format) => {
      const label = rowLabel(keyType, format);
      return { label, cells: VARIANTS.map(({ name }) => marks.get(`${label}/${name}`) ?? []) };
    }),
  );
  const all = [...marks.values()].flat();
  const columns = VARIANTS.map(({ name }) => name);
  console.log(
    [
      'Interoperability with notation-go: + agreed, x did not',
      `left: notation-go signs, Sealwatch verifies; right: Sealwatch signs, notation-go verifies`,
      `each on: ${places.map(({ name }) => name).join(', ')}`,
      '',
      formatMatrix(rows, columns, places.length),
      '',
      `${all.filter((mark) => mark).length} of ${all.length} cells true`,
    ].join('\n'),
  );
}

describe.concurrent.each(KEY_TYPES)('with a key of %s', (keyType) => {
  describe.each(FORMATS.map((format) => ({ format, rules: format === 'JWS' ? 'B2, B5, B7' : 'C1, C2, C3, C5' })))(
    'in $format ($rules)',
    ({ format }) => {
      it.each(VARIANTS)(
        '$name: what notation-go signs verifies here, and what is signed here verifies there',
        async (variant) => {
          const problems = await problemsOf(keyType, format, variant, places);
          marks.set(
            `${rowLabel(keyType, format)}/${variant.name}`,
            problems.map((problem) => problem === undefined),
          );
          expect(problems.filter((problem) => problem !== undefined)).toEqual([]);
        },
      );
    },
  );
});

it.each(REGISTRY_KINDS)(
  'both sign and verify on a registry (%s) that asks for credentials (A1, A4, A5)',
  async (kind) => {
    const place = await registryPlace(kind, { username: 'robot', password: 'pass:word' });
    try {
      for (const format of FORMATS) {
        const problems = await problemsOf('P-256', format, { name: 'plain', length: 3 }, [place]);
        expect(problems.filter((problem) => problem !== undefined)).toEqual([]);
      }
    } finally {
      await place.stop();
    }
  },
);

/** What went wrong in each place, notation-go signing and then Sealwatch signing; undefined where nothing did. */
function problemsOf(
  keyType: KeyType,
  format: SignatureFormat,
  variant: Variant,
  where: readonly Place[],
): Promise<readonly (string | undefined)[]> {
  const chain = chains.get(keyType)?.[variant.length];
  const timestampRoot = tsa.tsa.certificates.at(-1);
  if (chain === undefined || timestampRoot === undefined) throw new Error(`no chain of ${keyType}`);
  const common = { judge, keyType, format, variant, chain, timestampUrl: tsa.url, timestampRoot, stores };
  const inputs = where.map((place): CellInput => ({ ...common, place, storesFolder: folder.path }));
  return Promise.all([
    ...inputs.map((input) => named(`notation-go to Sealwatch, ${input.place.name}`, theySignWeVerify(input))),
    ...inputs.map((input) => named(`Sealwatch to notation-go, ${input.place.name}`, weSignTheyVerify(input))),
  ]);
}

async function named(cell: string, problem: Promise<string | undefined>): Promise<string | undefined> {
  const text = await problem.catch((error: unknown) => String(error));
  return text === undefined ? undefined : `${cell}: ${text}`;
}
