import { mkdir, open, readFile, rm, stat, utimes } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 250;
const BEAT_MS = 5_000;
/** Process ids are used anew, and mean nothing in another container: a lock that nobody touches is nobody's. */
const STALE_MS = 60_000;

/**
 * Runs one at a time over all processes of a machine. Whoever holds the lock keeps touching its file, which holds its
 * process id; a lock whose owner is gone is taken over. Two that take it over at once would both run: what runs under
 * it has to end in one atomic step anyway, and the lock only saves doing it twice.
 * @param onWait told once, when another process holds it
 */
export async function withLock<T>(path: string, onWait: (pid: number) => void, run: () => Promise<T>): Promise<T> {
  await mkdir(dirname(path), { recursive: true });
  let hasTold = false;
  while (!(await tryLock(path))) {
    const owner = await ownerOf(path);
    if (owner.isGone) {
      await rm(path, { force: true });
      continue;
    }
    if (!hasTold && owner.pid !== undefined && owner.pid !== process.pid) {
      onWait(owner.pid);
      hasTold = true;
    }
    await delay(POLL_MS);
  }
  const beat = setInterval(() => {
    const now = new Date();
    // Whether it is still there is for the next owner to find out.
    utimes(path, now, now).catch(() => undefined);
  }, BEAT_MS);
  try {
    return await run();
  } finally {
    clearInterval(beat);
    await rm(path, { force: true });
  }
}

async function tryLock(path: string): Promise<boolean> {
  try {
    const file = await open(path, 'wx');
    await file.writeFile(String(process.pid));
    await file.close();
    return true;
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false;
    throw error;
  }
}

async function ownerOf(path: string): Promise<{ readonly pid?: number; readonly isGone: boolean }> {
  try {
    const { mtimeMs } = await stat(path);
    const pid = Number(await readFile(path, 'utf8'));
    const isStale = Date.now() - mtimeMs > STALE_MS;
    // Made this moment, and not written yet.
    if (!Number.isInteger(pid) || pid <= 0) return { isGone: isStale };
    return { pid, isGone: isStale || !isAlive(pid) };
  } catch (error) {
    if (isCode(error, 'ENOENT')) return { isGone: false };
    throw error;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Another user's process may not be signalled, but it lives.
    return isCode(error, 'EPERM');
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
