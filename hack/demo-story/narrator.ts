const isTerminal = process.stdout.isTTY === true && process.env['NO_COLOR'] === undefined;
const paint = (code: string, text: string): string => (isTerminal ? `\u001b[${code}m${text}\u001b[0m` : text);

let steps = 0;

/** Tells the demo's story: a title for each step, the command, its output, and one line that says what to look for. */
export const narrator = {
  say(text: string): void {
    process.stdout.write(`${text}\n`);
  },

  progress(text: string): void {
    process.stdout.write(paint('2', `  … ${text}\n`));
  },

  step(title: string): void {
    steps += 1;
    process.stdout.write(`\n${paint('1;36', `${steps}. ${title}`)}\n`);
  },

  /** A command as one would type it, and what it printed. */
  command(line: string, output = ''): void {
    const printed = output.trimEnd() === '' ? '' : `${indented(output.trimEnd())}\n`;
    process.stdout.write(`${paint('1', indented(`$ ${line}`))}\n${printed}`);
  },

  look(text: string): void {
    process.stdout.write(`${paint('33', `  ↳ ${text}`)}\n`);
  },

  failed(text: string): void {
    process.stdout.write(`${paint('31', `\n✗ ${text}`)}\n`);
  },

  done(text: string): void {
    process.stdout.write(`${paint('32', `\n✓ ${text}`)}\n`);
  },
};

function indented(text: string): string {
  return text.replace(/^(?=.)/gm, '  ');
}
