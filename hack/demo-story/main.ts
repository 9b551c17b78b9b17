import { narrator } from './narrator.ts';
import { setStage } from './stage.ts';
import { playStory } from './story.ts';

const exits = process.argv.includes('--exit');
const unknown = process.argv.slice(2).find((argument) => argument !== '--exit');
if (unknown !== undefined) {
  process.stderr.write(`demo: no such option ${unknown}; --exit ends after the story\n`);
  process.exit(64);
}

narrator.say('Sealwatch: who signed what runs here, and does it still hold?');
narrator.say(
  'A real kube-apiserver, etcd, kube-controller-manager and registry; AWS is emulated; there is no kubelet.',
);
let interrupted = false;
const stopped = Promise.withResolvers<void>();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    interrupted = true;
    stopped.resolve();
  });
}

const stage = await setStage();
try {
  await Promise.race([playStory(stage), stopped.promise]);
  if (!interrupted) {
    narrator.done('The whole story came true.');
    if (!exits) {
      narrator.say(
        `\nIt stays up until Ctrl-C. In another terminal:\n  export KUBECONFIG=${stage.plane.kubeconfigPath}`,
      );
      narrator.say(`  export PATH="${stage.plane.address.kubectlPath.replace(/\/kubectl$/, '')}:$PATH"`);
      narrator.say('  kubectl get tst,tp,isr -A\n  kubectl describe isr web -n shop');
      await stopped.promise;
    }
  }
} catch (error) {
  if (!interrupted) {
    narrator.failed(error instanceof Error ? error.message : String(error));
    const seen = await stage.plane.kubectl(['get', 'tst,tp,isr', '-A', '-o', 'wide']);
    narrator.say(`\nWhat the cluster says:\n${seen.stdout}${seen.stderr}`);
    narrator.say(`\nThe last of the operator's log:\n${stage.operator.process.output.slice(-4_000)}`);
    process.exitCode = 1;
  }
} finally {
  narrator.progress('stopping everything that was started');
  await stage.stop();
}
