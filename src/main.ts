import { operatorCommand } from './cli/operator-command.ts';

/** The operator alone, as `npm start` runs it. The command `sealwatch`, which has it as one of several, is cli/main.ts. */
process.exitCode = await operatorCommand(process.argv.slice(2), process.env);
