import { parseArgs } from 'node:util';
import { benchBurst } from './burst.ts';
import { benchCrl } from './crl.ts';
import { benchParsers } from './parsers.ts';

const BENCHES: Readonly<Record<string, (options: { readonly inputs: number }) => Promise<boolean>>> = {
  parsers: benchParsers,
  crl: benchCrl,
  burst: benchBurst,
};

/** Runs all benches, or the one of --only; exit code 1 when one of them found something that must not be. */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { only: { type: 'string' }, inputs: { type: 'string', default: '100000' } },
  });
  const { only } = values;
  const inputs = Number(values.inputs);
  if ((only !== undefined && !Object.hasOwn(BENCHES, only)) || !Number.isSafeInteger(inputs) || inputs < 1) {
    console.error(`usage: npm run bench -- [--only ${Object.keys(BENCHES).join('|')}] [--inputs N]`);
    process.exitCode = 64;
    return;
  }
  for (const [name, bench] of Object.entries(BENCHES)) {
    if (only !== undefined && only !== name) continue;
    if (!(await bench({ inputs }))) process.exitCode = 1;
  }
}

await main();
