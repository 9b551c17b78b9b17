// Imports nothing: it must load in a Node.js that the rest does not load in.

/** What package.json says under `engines`. */
const NEEDED = { major: 22, minor: 19 } as const;
/** EXIT.usage of failure.ts: nothing was asked about an image, so it must not read as "not trusted", which is 1. */
const USAGE = 64;

/** What the command starts from. */
export interface Start {
  /** Of Node.js, such as `22.19.0`. */
  readonly version: string;
  /** Loads the command, where Node.js is new enough. */
  readonly load: () => Promise<() => Promise<number>>;
  readonly stderr: { write(text: string): unknown };
}

/** Runs the command in a Node.js that can, and gives its exit code; else says on one line what is wrong, and gives 64. */
export async function start({ version, load, stderr }: Start): Promise<number> {
  if (!suffices(version)) {
    stderr.write(`sealwatch: needs Node ${NEEDED.major}.${NEEDED.minor} or newer; this is ${version}\n`);
    return USAGE;
  }
  let main: () => Promise<number>;
  try {
    main = await load();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    stderr.write(`sealwatch: cannot be loaded; install it anew: ${message.replace(/\s+/g, ' ')}\n`);
    return USAGE;
  }
  return main();
}

function suffices(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > NEEDED.major || (major === NEEDED.major && minor >= NEEDED.minor);
}
