import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { getFromHelper, storeInHelper } from '../../../src/cli/credential-helper.ts';
import { OciError } from '../../../src/oci/index.ts';
import { writeCredentialHelper } from '../../support/credential-helper.ts';
import { type TemporaryFolder, temporaryFolder } from '../../support/temporary-folder.ts';

let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await temporaryFolder('helper');
});
afterAll(() => folder.remove());

const signal = AbortSignal.timeout(60_000);

async function failureOf(promise: Promise<unknown>): Promise<OciError> {
  const error = await promise.catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(OciError);
  return error as OciError;
}

describe('a credential helper', () => {
  it('is given what to keep on standard input, and gives it back', async () => {
    const helper = await writeCredentialHelper(folder.path, 'keeps');
    const login = { username: 'u"; touch /tmp/x', secret: 'ü\n{}' };
    await storeInHelper('keeps', 'r.test:5000', login, { env: helper.env, signal });
    expect(await getFromHelper('keeps', 'r.test:5000', { env: helper.env, signal })).toEqual(login);
    expect(await getFromHelper('keeps', 'other.test', { env: helper.env, signal })).toBeUndefined();
  });

  it.each<[string, string, RegExp]>([
    [
      'fails',
      'console.error("the key ring is locked"); process.exit(3)',
      /get: it failed with exit code 3: the key ring is locked$/,
    ],
    [
      'fails, and prints what it keeps',
      'console.log(JSON.stringify({Secret:"hunter2"})); process.exit(1)',
      /get: it failed with exit code 1$/,
    ],
    ['prints no JSON', 'console.log("hunter2")', /get: expected JSON with Username and Secret on its standard output$/],
    ['prints JSON of another kind', 'console.log("[\\"hunter2\\"]")', /get: expected JSON with Username and Secret/],
    [
      'prints without end',
      'for (;;) fs.writeSync(1, "hunter2".repeat(1000))',
      /get: it printed more than 65536 bytes$/,
    ],
    ['does not end', 'setInterval(() => {}, 1000)', /get: it did not end within 2 s$/],
  ])('that %s is told, and nothing of what it keeps', async (what, behaviour, message) => {
    const name = what.replaceAll(/\W+/g, '-');
    const { env } = await writeCredentialHelper(folder.path, name, behaviour);
    const timeoutMs = what === 'does not end' ? 2_000 : 30_000;
    const error = await failureOf(getFromHelper(name, 'r.test', { env, signal, timeoutMs }));
    expect(error.code).toBe('Unauthorized');
    expect(error.message).toMatch(message);
    expect(error.message).not.toContain('hunter2');
  });

  it('ends with what asked for it', async () => {
    const { env } = await writeCredentialHelper(folder.path, 'waits', 'setInterval(() => {}, 1000)');
    const controller = new AbortController();
    const asked = failureOf(getFromHelper('waits', 'r.test', { env, signal: controller.signal }));
    controller.abort();
    expect((await asked).code).toBe('Timeout');
  });

  it.each(['', '../evil', 'a/b', '-x', 'a b', 'x'.repeat(65)])('named %j is not run', async (name) => {
    const error = await failureOf(getFromHelper(name, 'r.test', { env: process.env, signal }));
    expect(error.message).toContain('expected a name');
  });
});
