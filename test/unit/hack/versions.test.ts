import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { contentVersion } from '../../../hack/tools/versions.ts';

it.each(['main.go', 'other.go', 'go.mod', 'go.sum'])('a program of ours is another version when %s changes', (file) => {
  const module = mkdtempSync(join(tmpdir(), 'sealwatch-module-'));
  onTestFinished(() => rmSync(module, { recursive: true }));
  for (const name of ['main.go', 'other.go', 'go.mod', 'go.sum', 'README.md']) writeFileSync(join(module, name), name);
  const before = contentVersion(module);
  appendFileSync(join(module, 'README.md'), 'x');
  expect(contentVersion(module)).toBe(before);
  appendFileSync(join(module, file), 'x');
  expect(contentVersion(module)).toMatch(/^[0-9a-f]{12}$/);
  expect(contentVersion(module)).not.toBe(before);
});
