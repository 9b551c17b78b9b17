import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../support/cli.ts';
import { parseVerifyJson } from '../support/cli-json.ts';
import { type CliWorld, createCliWorld, SCOPE } from '../support/cli-world.ts';
import { writeImageLayout } from '../support/image-layout.ts';
import { type Judge, startJudge } from '../support/judge.ts';

/** The command and notation-go on one OCI image layout: what either writes, the other reads. */
describe('OCI image layouts', () => {
  let world: CliWorld;
  let judge: Judge;
  beforeAll(async () => {
    [world, judge] = [await createCliWorld(), await startJudge()];
  });
  afterAll(async () => {
    await judge.stop();
    await world.folder.remove();
  });

  const FORMATS = ['jws', 'cose'] as const;
  let layouts = 0;
  /** A layout of one image, or of an index of two. */
  const makeLayout = async (
    platforms?: readonly string[],
  ): Promise<{ path: string; reference: string; digest: string }> => {
    layouts += 1;
    const path = world.path(`layout-${layouts}`);
    const { digest } = await writeImageLayout(path, 'v1', `content ${layouts}`, platforms);
    return { path, reference: `${SCOPE}@${digest}`, digest };
  };
  const notationSigns = async (
    layout: string,
    reference: string,
    format: 'jws' | 'cose',
    build: string,
  ): Promise<void> => {
    const [key, chain] = [world.chain.keyPem, world.chain.pem];
    const userMetadata = { build };
    const answer = await judge.ask({
      operation: 'sign',
      layout,
      reference,
      format,
      key,
      chain,
      userMetadata,
      expirySeconds: 3_600,
    });
    expect(answer).toMatchObject({ ok: true });
  };
  const notationVerifies = async (layout: string, reference: string, build: string): Promise<string> => {
    const policy: unknown = JSON.parse(await readFile(join(world.config, 'trustpolicy.json'), 'utf8'));
    const requiredMetadata = { build };
    const { ok, error = '' } = await judge.ask({
      operation: 'verify',
      layout,
      reference,
      policy,
      stores: world.config,
      requiredMetadata,
    });
    return ok ? 'trusted' : error;
  };
  const weSign = async (layout: string, ref: string, format: string, build: string): Promise<void> => {
    const args = [
      '--key',
      world.key,
      '--chain',
      world.chainFile,
      '--format',
      format,
      '--expiry',
      '1h',
      '-m',
      `build=${build}`,
    ];
    expect(await runCli(['sign', ref, '--oci-layout', layout, ...args], world.env)).toMatchObject({ code: 0 });
  };
  const weVerify = async (layout: string, ref: string, build: string): Promise<number | null> => {
    const args = ['--scope', SCOPE, '-m', `build=${build}`, '-o', 'json'];
    const { code, stdout } = await runCli(['verify', ref, '--oci-layout', layout, ...args], world.env);
    expect(parseVerifyJson(stdout).verdict).toBe(code === 0 ? 'Trusted' : 'Untrusted');
    return code;
  };

  it.each(FORMATS)('what notation-go signs (%s) is verified by the command (A2)', async (format) => {
    for (const platforms of [undefined, ['linux/amd64', 'linux/arm64']]) {
      const { path, reference, digest } = await makeLayout(platforms);
      await notationSigns(path, reference, format, '17');
      expect(await weVerify(path, 'v1', '17')).toBe(0);
      expect(await weVerify(path, digest, '18')).toBe(1);
    }
  });

  it.each(FORMATS)('what the command signs (%s) is verified by notation-go (A1)', async (format) => {
    for (const platforms of [undefined, ['linux/amd64', 'linux/arm64']]) {
      const { path, reference, digest } = await makeLayout(platforms);
      await weSign(path, format === 'jws' ? 'v1' : digest, format, '17');
      expect(await notationVerifies(path, reference, '17')).toBe('trusted');
      expect(await notationVerifies(path, reference, '18')).toContain('metadata');
    }
  });

  it('the command signs an index with the manifest of each platform, and notation-go verifies the index', async () => {
    const { path, reference, digest } = await makeLayout(['linux/amd64', 'linux/arm64']);
    const signing = [
      '--key',
      world.path('key.pem'),
      '--chain',
      world.path('chain.pem'),
      '-m',
      'build=17',
      '-o',
      'json',
    ];
    const args = ['sign', digest, '--oci-layout', path, '--platforms', 'all', ...signing];
    const { code, stdout } = await runCli(args, world.env);
    expect(code).toBe(0);
    const made = JSON.parse(stdout) as {
      readonly digest: string;
      readonly platforms: readonly { readonly platform: string; readonly digest: string }[];
    };
    expect(made.digest).toBe(digest);
    expect(made.platforms.map(({ platform }) => platform)).toEqual(['linux/amd64', 'linux/arm64']);
    for (const signed of [made, ...made.platforms]) {
      const listed = await runCli(['list', signed.digest, '--oci-layout', path, '-o', 'json'], world.env);
      expect((JSON.parse(listed.stdout) as { readonly signatures: readonly string[] }).signatures).toHaveLength(1);
    }
    // What an index of the layout lists notation-go does not resolve by digest: it has the index.
    expect(await notationVerifies(path, reference, '17')).toBe('trusted');
  });

  it('both write to one layout in turn, and neither loses what the other wrote', async () => {
    const { path, reference } = await makeLayout();
    for (const [i, format] of FORMATS.entries()) {
      await notationSigns(path, reference, format, `theirs-${i}`);
      await weSign(path, 'v1', format, `ours-${i}`);
    }
    for (const build of ['theirs-0', 'ours-0', 'theirs-1', 'ours-1']) {
      expect(await weVerify(path, 'v1', build)).toBe(0);
      expect(await notationVerifies(path, reference, build)).toBe('trusted');
    }
  });

  it('a changed image is refused by both', async () => {
    const { path, reference, digest } = await makeLayout();
    await weSign(path, 'v1', 'jws', '17');
    const blob = join(path, 'blobs', ...digest.split(':'));
    await writeFile(blob, `${await readFile(blob, 'utf8')} `);
    expect((await runCli(['verify', 'v1', '--oci-layout', path, '--scope', SCOPE], world.env)).code).toBe(2);
    expect(await notationVerifies(path, reference, '17')).not.toBe('trusted');
  });
});
