/** Pictures that are dropped on the window or pasted into it. */
interface Listener {
  /** Whether something is held over the window. */
  over: (is: boolean) => void
  files: (files: FileList) => void
}

export function dropped(window: Window, listener: Listener): { destroy(): void } {
  const end = new AbortController()
  const on = <K extends keyof WindowEventMap>(kind: K, act: (event: WindowEventMap[K]) => void) =>
    window.addEventListener(kind, act as EventListener, { signal: end.signal })
  const holdsFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') === true
  on('dragover', (event) => {
    if (!holdsFiles(event)) return
    event.preventDefault()
    listener.over(true)
  })
  on('dragleave', (event) => {
    if (event.relatedTarget === null) listener.over(false)
  })
  on('drop', (event) => {
    listener.over(false)
    if (!holdsFiles(event) || event.dataTransfer === null) return
    event.preventDefault()
    listener.files(event.dataTransfer.files)
  })
  on('paste', (event) => {
    const files = event.clipboardData?.files
    if (files === undefined || files.length === 0) return
    event.preventDefault()
    listener.files(files)
  })
  return { destroy: () => end.abort() }
}
