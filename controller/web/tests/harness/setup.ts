/** Before all tests of pages: one house with a finished sweep of real trainings. Files that need a house in another state
 *  build their own. */
import type {} from 'vitest'
import type { TestProject } from 'vitest/node'

import { House } from './house'

declare module 'vitest' {
  export interface ProvidedContext {
    /** The house that all files share; they must not change what others look at. */
    house: { url: string; folder: string; sweep: string }
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const house = await House.build()
  try {
    const sweep = await house.trained()
    project.provide('house', { url: house.url, folder: house.folder, sweep })
  } catch (error) {
    await house.close()
    throw error
  }
  return () => house.close()
}
