import { constants } from 'node:os';
import { narrator } from './narrator.ts';
import { type Stage, setStage } from './stage.ts';
import { playStory } from './story.ts';

const EXIT_USAGE = 64;
const USAGE = `Usage: ./hack/demo [--exit]

Plays Sealwatch's story on a real control plane and registry, with AWS emulated. It stays up until Ctrl-C, and prints
the KUBECONFIG to use.
  --exit  ends after the story; the exit code is not 0 when a step did not come true
`;

const given = process.argv.slice(2);
const unknown = given.find((argument) => !['--exit', '--help', '-h'].includes(argument));
if (given.includes('--help') || given.includes('-h')) {
  process.stdout.write(USAGE);
} else if (unknown !== undefined) {
  process.stderr.write(`demo: no such option ${unknown}\n\n${USAGE}`);
  process.exitCode = EXIT_USAGE;
} else {
  process.exitCode = await play(given.includes('--exit'));
}

/** @returns the exit code: that of the signal which ended the story before its end, else whether it came true */
async function play(exits: boolean): Promise<number> {
  const interrupt = interruption();
  narrator.say('Sealwatch: who signed what runs here, and does it still hold?');
  narrator.say(
    'A real kube-apiserver, etcd, kube-controller-manager and registry. AWS is emulated, and a few lines stand in for\n' +
      'the kubelet: they say of every pod that it runs. Nothing outside this machine is spoken to.',
  );
  let stage: Stage | undefined;
  try {
    stage = await setStage(interrupt.signal);
    await Promise.race([playStory(stage), interrupt.happened]);
    interrupt.signal.throwIfAborted();
    narrator.done('The whole story came true.');
    if (exits) narrator.progress('stopping everything that was started');
    else {
      tellHowToLook(stage);
      await interrupt.happened;
    }
    return 0;
  } catch (error) {
    // What fails while everything is being stopped fails because of that.
    if (interrupt.signal.aborted) return interrupt.exitCode();
    narrator.failed(error instanceof Error ? error.message : String(error));
    if (stage !== undefined) await tellWhatIsThere(stage);
    return 1;
  } finally {
    await stage?.stop();
  }
}

interface Interruption {
  readonly signal: AbortSignal;
  readonly happened: Promise<void>;
  /** As a shell says it. */
  readonly exitCode: () => number;
}

/** A signal, or the end of whoever reads the output, stops the demo in order: nothing that was started stays behind. */
function interruption(): Interruption {
  const controller = new AbortController();
  const happened = Promise.withResolvers<void>();
  let code = 0;
  const interrupt = (exitCode: number): void => {
    if (code === 0) {
      code = exitCode;
      narrator.progress('stopping everything that was started');
    }
    controller.abort(new Error('interrupted'));
    happened.resolve();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => interrupt(128 + constants.signals[signal]));
  }
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', () => interrupt(128 + constants.signals.SIGPIPE));
  }
  return { signal: controller.signal, happened: happened.promise, exitCode: () => code };
}

function tellHowToLook({ plane, registry, proxy }: Stage): void {
  narrator.say(`
It stays up until Ctrl-C. In another terminal, in this folder:
  export KUBECONFIG=${plane.kubeconfigPath}
  export PATH="${plane.address.kubectlPath.replace(/\/kubectl$/, '')}:$PATH"
  kubectl get tst,tp,isr -A
  kubectl describe isr web -n shop
  kubectl get pods -n shop -o custom-columns-file=config/samples/pods.columns

The command asks the cluster whom it trusts, and judges an image itself:
  export HTTP_PROXY=${proxy.url}
  npm run -s sealwatch -- verify registry.example.com/tools/migrate:v2 --from-cluster --plain-http

Deployments of your own run too: push images to ${registry.host} (plain HTTP), and name them registry.example.com/….`);
}

async function tellWhatIsThere({ plane, operator }: Stage): Promise<void> {
  const seen = await plane.kubectl(['get', 'tst,tp,isr', '-A', '-o', 'wide']);
  narrator.say(`\nWhat the cluster says:\n${seen.stdout}${seen.stderr}`);
  narrator.say(`\nThe last of the operator's log:\n${operator.process.output.slice(-4_000)}`);
}
