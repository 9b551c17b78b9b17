import { parseArgs } from 'node:util';
import { startAwsEmulator } from './emulator.ts';

const USAGE = `node main.ts [--port 0] [--day-ms 86400000] [--account 111122223333] [--region us-west-2]
Emulates AWS Signer, ECR and STS. Prints one line of JSON when it listens; ends on SIGTERM or SIGINT.`;

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    'day-ms': { type: 'string', default: String(24 * 60 * 60_000) },
    account: { type: 'string', default: '111122223333' },
    region: { type: 'string', default: 'us-west-2' },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  console.log(USAGE);
} else {
  const emulator = await startAwsEmulator({
    port: wholeNumber('port', values.port),
    dayMs: wholeNumber('day-ms', values['day-ms']),
    accountId: values.account,
    region: values.region,
  });
  const { endpoint, rootPem, accountId, region, credentials } = emulator;
  const { accessKeyId, secretAccessKey } = credentials;
  console.log(JSON.stringify({ endpoint, rootPem, accountId, region, accessKeyId, secretAccessKey }));
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void emulator.stop());
}

function wholeNumber(name: string, text: string): number {
  if (!/^\d+$/.test(text)) throw new Error(`--${name}: expected a whole number; found ${JSON.stringify(text)}`);
  return Number(text);
}
