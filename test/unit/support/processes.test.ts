import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ManagedProcess, waitFor } from '../../support/processes.ts';

const SCRIPT = join(import.meta.dirname, 'start-child.ts');

/** One that ended and that nobody asked for its exit code is not alive, though it still has its id. */
function isAlive(pid: number): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' });
  return /^[^Z]/.test(stdout.trim());
}

/** A process that started another, and how to end it. */
async function startParent(ending: string) {
  const parent = spawn(process.execPath, [SCRIPT, ending], { stdio: ['pipe', 'pipe', 'ignore'] });
  onTestFinished(() => void parent.kill('SIGKILL'));
  const [line] = (await once(createInterface({ input: parent.stdout }), 'line')) as [string];
  const { pid, folder } = JSON.parse(line) as { pid: number; folder: string };
  expect(isAlive(pid)).toBe(true);
  expect(existsSync(folder)).toBe(true);
  return { parent, pid, folder };
}

describe('a process that a test started', () => {
  it.each(['throws', 'exits', 'stops'])('ends with a test process that %s, and its folder goes', async (ending) => {
    const { parent, pid, folder } = await startParent(ending);
    parent.stdin.write('go on\n');
    await waitFor('the process to end', () => !isAlive(pid));
    await waitFor('the folder to go', () => !existsSync(folder));
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGKILL'] as const)(
    'ends with a test process that gets %s, and its folder goes',
    async (signal) => {
      const { parent, pid, folder } = await startParent('waits');
      parent.kill(signal);
      const [code] = (await once(parent, 'exit')) as [number | null];
      expect(code).toBe({ SIGINT: 130, SIGTERM: 143, SIGHUP: 129, SIGKILL: null }[signal]);
      await waitFor('the process to end', () => !isAlive(pid));
      await waitFor('the folder to go', () => !existsSync(folder));
    },
  );

  it('is killed when SIGTERM does not end it', async () => {
    const deaf = new ManagedProcess({
      name: 'deaf',
      command: 'sh',
      args: ['-c', "trap '' TERM; echo up; exec sleep 600"],
    });
    await deaf.waitForOutput(/up/);
    expect(await deaf.stop(50)).toBe('SIGKILL');
  });

  it('that ends early is told with its last words, not waited for', async () => {
    const broken = new ManagedProcess({ name: 'broken', command: 'sh', args: ['-c', 'echo no such port >&2; exit 3'] });
    await expect(broken.waitForOutput(/listening/)).rejects.toThrow('broken ended:\nno such port');
    expect(await broken.exited).toBe(3);
  });

  it('that cannot be started is told with the reason', async () => {
    const absent = new ManagedProcess({ name: 'absent', command: '/nowhere/absent', args: [] });
    await expect(absent.waitForOutput(/listening/)).rejects.toThrow(/absent ended:.*ENOENT/s);
    expect(await absent.stop()).toBe('error');
  });

  it('has ended when it ends, whatever it leaves behind', async () => {
    const careless = new ManagedProcess({
      name: 'careless',
      command: 'sh',
      args: ['-c', 'sleep 5 & echo left; exit 4'],
    });
    expect(await careless.exited).toBe(4);
    expect(careless.output).toBe('left\n');
  });

  it('may print without end: only the last of it is kept', async () => {
    const loud = new ManagedProcess({
      name: 'loud',
      command: 'sh',
      args: ['-c', 'head -c 300000 /dev/zero | tr "\\0" x; echo end'],
    });
    await loud.exited;
    expect(loud.output.length).toBe(64 * 1024);
    expect(loud.output.endsWith('xend\n')).toBe(true);
  });
});

it('waiting says what for when the time is over', async () => {
  await expect(waitFor('the sun', () => false, 20, 5)).rejects.toThrow('waited 20 ms for the sun');
});
