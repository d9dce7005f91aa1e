// What somebody drops: files, and those in folders.

/** The files of a drop, in the order of their names within each folder. Read before the event is over. */
export async function dropped(transfer: DataTransfer): Promise<File[]> {
  const items = Array.from(transfer.items).filter(({ kind }) => kind === "file")
  const entries = items.map((item) => ({ entry: item.webkitGetAsEntry?.() ?? null, file: item.getAsFile() }))
  const found = await Promise.all(entries.map(({ entry, file }) => (entry?.isDirectory ? within(entry) : file ? [file] : [])))
  return found.flat()
}

async function within(entry: FileSystemEntry): Promise<File[]> {
  if (!entry.isDirectory) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject))
    return file.name.startsWith(".") ? [] : [file]
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader()
  const all: FileSystemEntry[] = []
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject)) // 100 at a time
    if (!some.length) break
    all.push(...some)
  }
  all.sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }))
  return (await Promise.all(all.map(within))).flat()
}
