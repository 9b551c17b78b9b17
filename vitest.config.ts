import { defineConfig } from 'vitest/config';

const MINUTE = 60_000;

// Tests start the operator and the command hundreds of times, from their sources: with this each start takes half as long.
process.env['NODE_COMPILE_CACHE'] ??= `${import.meta.dirname}/node_modules/.compile-cache`;

/** Processes of their own, since tests start others and handle signals. */
const pool = 'forks';

export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts'], pool, testTimeout: 20_000 } },
      {
        test: {
          name: 'conformance',
          include: ['test/conformance/**/*.test.ts'],
          pool,
          globalSetup: ['test/support/conformance-setup.ts'],
          testTimeout: MINUTE,
          hookTimeout: 2 * MINUTE,
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          pool,
          globalSetup: ['test/support/integration-setup.ts'],
          // As many as there are control planes: files share one after another, where some kinds have no namespace.
          maxWorkers: 2,
          testTimeout: 2 * MINUTE,
          hookTimeout: 5 * MINUTE,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'faults',
          include: ['test/faults/**/*.test.ts'],
          pool,
          globalSetup: ['test/support/tools-setup.ts'],
          // Each file has a cluster of its own, and waits most of its time for what faults take.
          maxWorkers: 2,
          testTimeout: 5 * MINUTE,
          hookTimeout: 5 * MINUTE,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
