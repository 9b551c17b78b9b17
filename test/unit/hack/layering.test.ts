import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { checkFile, checkLayering } from '../../../hack/layering/check.ts';

const AROUND = { faces: new Set<string>(), dependencies: new Set(['undici', '@aws-sdk/client-signer']) };
const rulesOf = (file: string, text: string) => checkFile(file, text, AROUND).map(({ rule }) => rule);

describe('layering', () => {
  it.each([
    [
      'an import upwards',
      'oci/client.ts',
      "import { x } from '../controllers/pod.ts';",
      /controllers stands above oci/,
    ],
    ['a type import upwards', 'oci/client.ts', "import type { X } from '../verification/index.ts';", /above oci/],
    ['an import beside', 'oci/client.ts', "import { x } from '../aws/index.ts';", /aws stands beside oci/],
    ['an export from above', 'aws/index.ts', "export * from '../signing/signer.ts';", /signing stands above aws/],
    ['an import for its effect', 'aws/index.ts', "import '../signing/signer.ts';", /signing stands above aws/],
    [
      'an import of many lines',
      'aws/a.ts',
      "import {\n  a,\n  b,\n} from '../signing/s.ts';",
      /signing stands above aws/,
    ],
    ['a dynamic import', 'server/http.ts', "const x = await import('../operator.ts');", /operator stands above server/],
    ['the exception turned round', 'verification/a.ts', "import { s } from '../signing/s.ts';", /beside verification/],
    [
      'notary importing a lower neighbour',
      'notary/verify.ts',
      "import { x } from '../api/group.ts';",
      /notary does not/,
    ],
    ['notary speaking HTTP', 'notary/verify.ts', "import { request } from 'node:https';", /no network/],
    ['notary using undici', 'notary/revocation/ocsp.ts', "import { fetch } from 'undici';", /no network/],
    ['kubernetes knowing signatures', 'kubernetes/a.ts', "import { x } from '../notary/index.ts';", /not signatures/],
    ['a module without a layer', 'extras/a.ts', "import { x } from '../api/group.ts';", /extras has no layer/],
    ['an import of a module without a layer', 'oci/a.ts', "import { x } from '../extras/a.ts';", /extras has no layer/],
    ['a package that only development installs', 'oci/a.ts', "import { parse } from 'yaml';", /yaml is not among/],
    [
      'another package of a scope',
      'aws/a.ts',
      "import { x } from '@aws-sdk/client-s3/dist';",
      /@aws-sdk\/client-s3 is/,
    ],
    ['tests used by src', 'oci/a.ts', "import { x } from '../../test/support/pki.ts';", /nothing from outside/],
  ])('refuses %s', (_, file, text, rule) => {
    expect(rulesOf(file, text)).toEqual([expect.stringMatching(rule)]);
  });

  it.each([
    ['downwards', 'controllers/pod.ts', "import { x } from '../verification/index.ts';"],
    ['far downwards', 'main.ts', "import { VERSION } from './version.ts';"],
    ['within a folder', 'notary/checks/a.ts', "import { x } from '../error.ts';"],
    ['by an exception', 'signing/signer.ts', "import { x } from '../verification/index.ts';"],
    ['that are only spoken of', 'oci/a.ts', "const text = `index from '../controllers/pod.ts'`;"],
    ['of a part of a package', 'aws/a.ts', "import { x } from '@aws-sdk/client-signer/dist/x.js';"],
    ['of packages', 'oci/http.ts', "import { request } from 'undici';"],
    ['of what notary may use', 'notary/sign.ts', "import { sign } from 'node:crypto';"],
  ])('allows imports %s', (_, file, text) => {
    expect(rulesOf(file, text)).toEqual([]);
  });

  it('refuses an import that goes round the public face of a folder', () => {
    const text = "import { x } from '../oci/http.ts';\nimport { y } from '../oci/index.ts';\n";
    expect(checkFile('signing/push.ts', text, { ...AROUND, faces: new Set(['oci']) })).toMatchObject([
      { line: 1, rule: 'oci is used through its index.ts' },
    ]);
    expect(checkFile('signing/push.ts', text, AROUND)).toEqual([]);
  });

  it('names file, line and import of what it finds in a folder', () => {
    const folder = mkdtempSync(join(tmpdir(), 'sealwatch-layering-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    mkdirSync(join(folder, 'api'));
    writeFileSync(join(folder, 'api/a.ts'), "// Why.\nimport { x } from '../main.ts';\n");
    writeFileSync(join(folder, 'main.ts'), "import { x } from './api/a.ts';\n");
    expect(checkLayering(folder, [])).toMatchObject([{ file: 'api/a.ts', line: 2, imported: '../main.ts' }]);
  });
});
