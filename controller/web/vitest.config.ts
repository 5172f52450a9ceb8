import { defineConfig } from 'vitest/config'

// `unit`: functions of the sources. `pages` and `board`: real processes and a real browser, one file after the other; for
// `pages` a rig with a trained model is set up once. `shots`: pictures of the board
// for the documentation. `bench`: the board before 10,000 trials.
export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', include: ['src/**/*.test.ts'], environment: 'node' } },
      {
        test: {
          name: 'pages',
          include: ['tests/demo/*.test.ts'],
          environment: 'node',
          globalSetup: 'tests/harness/setup.ts',
          fileParallelism: false,
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'board',
          include: ['tests/board/*.test.ts'],
          environment: 'node',
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      { test: { name: 'shots', include: ['tests/board/*.shots.ts'], environment: 'node', testTimeout: 60_000, hookTimeout: 1_200_000 } },
      { test: { name: 'bench', include: ['tests/board/*.bench.ts'], environment: 'node', testTimeout: 300_000, hookTimeout: 300_000 } },
    ],
  },
})
