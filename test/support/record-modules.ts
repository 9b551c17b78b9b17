import { writeFileSync } from 'node:fs';
import { registerHooks } from 'node:module';

/** Preloaded into a process (`node --import`): what it loads is written to RECORDED_MODULES when it ends, a URL a line. */
const loaded = new Set<string>();
registerHooks({
  resolve: (specifier, context, next) => {
    const resolved = next(specifier, context);
    loaded.add(resolved.url);
    return resolved;
  },
});
process.on('exit', () => writeFileSync(process.env['RECORDED_MODULES'] ?? '', [...loaded].join('\n')));
