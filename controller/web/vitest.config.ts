import { defineConfig } from 'vitest/config'

// `unit`: functions of the sources. `pages`: real processes and a real browser, one file after the other; the rig is set
// up once for all of them.
export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', include: ['src/**/*.test.ts'], environment: 'node' } },
      {
        test: {
          name: 'pages',
          include: ['tests/**/*.test.ts'],
          environment: 'node',
          globalSetup: 'tests/harness/setup.ts',
          fileParallelism: false,
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
})
