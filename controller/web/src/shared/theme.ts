/** Which colours a page has: the system's, or what a person chose on this browser. */
export type Theme = 'system' | 'light' | 'dark'

const KEY = 'sweep.theme'

export function chosen(): Theme {
  const kept = localStorage.getItem(KEY)
  return kept === 'light' || kept === 'dark' ? kept : 'system'
}

/** Applies a theme and keeps it; charts listen for `sweep:theme` on the window and draw anew. */
export function choose(theme: Theme): void {
  if (theme === 'system') localStorage.removeItem(KEY)
  else localStorage.setItem(KEY, theme)
  apply()
}

export function apply(): void {
  const theme = chosen()
  if (theme === 'system') delete document.documentElement.dataset['theme']
  else document.documentElement.dataset['theme'] = theme
  window.dispatchEvent(new Event('sweep:theme'))
}
