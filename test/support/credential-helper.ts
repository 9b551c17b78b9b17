import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

export interface CredentialHelper {
  /** The folder of the program, for PATH. */
  readonly folder: string;
  /** An environment in which the program is found. */
  readonly env: Readonly<Record<string, string>>;
  /** What it keeps, by server. */
  readonly kept: () => Promise<Readonly<Record<string, { readonly Username: string; readonly Secret: string }>>>;
  readonly keep: (server: string, username: string, secret: string) => Promise<void>;
  /** What it was asked, such as `get registry.example.com`. */
  readonly asked: () => Promise<readonly string[]>;
}

/**
 * Writes a real program `docker-credential-NAME` that keeps what it is given in a file beside it.
 * @param folder it is made in `folder/bin`
 * @param behaviour replaces what it does: a script for Node, with `action` and `input`
 */
export async function writeCredentialHelper(
  folder: string,
  name: string,
  behaviour?: string,
): Promise<CredentialHelper> {
  const bin = join(folder, 'bin');
  await mkdir(bin, { recursive: true });
  const [store, log] = [join(folder, `${name}.json`), join(folder, `${name}.log`)];
  const program = join(bin, `docker-credential-${name}`);
  await writeFile(store, '{}');
  await writeFile(log, '');
  await writeFile(
    program,
    `#!${process.execPath}
const fs = require('node:fs');
const action = process.argv[2];
const input = fs.readFileSync(0, 'utf8');
const kept = JSON.parse(fs.readFileSync(${JSON.stringify(store)}, 'utf8'));
const server = action === 'store' ? JSON.parse(input).ServerURL : input;
fs.appendFileSync(${JSON.stringify(log)}, action + ' ' + server + '\\n');
${behaviour ?? USUAL.replace('STORE', JSON.stringify(store))}
`,
  );
  await chmod(program, 0o755);
  const read = async (): Promise<ReturnType<typeof JSON.parse>> => JSON.parse(await readFile(store, 'utf8'));
  return {
    folder: bin,
    env: { PATH: `${bin}${delimiter}${process.env['PATH'] ?? ''}` },
    kept: read,
    keep: async (server, username, secret) => {
      await writeFile(store, JSON.stringify({ ...(await read()), [server]: { Username: username, Secret: secret } }));
    },
    asked: async () => (await readFile(log, 'utf8')).split('\n').filter((line) => line !== ''),
  };
}

/** As docker-credential-helpers have it. */
const USUAL = `
if (action === 'get') {
  if (kept[server] === undefined) {
    console.log('credentials not found in native keychain');
    process.exit(1);
  }
  console.log(JSON.stringify({ ServerURL: server, ...kept[server] }));
} else {
  if (action === 'store') kept[server] = { Username: JSON.parse(input).Username, Secret: JSON.parse(input).Secret };
  else delete kept[server];
  fs.writeFileSync(STORE, JSON.stringify(kept));
}`;
