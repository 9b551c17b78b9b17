import { ManagedProcess } from '../../support/processes.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

// Run by processes.test.ts: starts a process that lives long, says so, and then ends as its argument says.
const folder = await temporaryFolder('child');
const child = new ManagedProcess({ name: 'long', command: 'sleep', args: ['600'] });
process.stdout.write(`${JSON.stringify({ pid: child.pid, folder: folder.path })}\n`);
// It does so when it is told to, so that a test can look at what runs first.
process.stdin.once('data', () => {
  switch (process.argv[2]) {
    case 'throws':
      throw new Error('a test that fails in an unforeseen way');
    case 'exits':
      return process.exit(0);
    case 'stops':
      return void child.stop().then(() => folder.remove().then(() => process.exit(0)));
    default:
      return undefined;
  }
});
