import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

export interface FilesBelow {
  readonly folders: readonly string[];
  readonly files: readonly string[];
  /** Links, sockets and the like. */
  readonly others: readonly string[];
}

/** What lies in a folder, however deep, by paths that begin with the folder's. Follows no link, which may lead in a circle. */
export async function filesBelow(folder: string): Promise<FilesBelow> {
  const found = { folders: [] as string[], files: [] as string[], others: [] as string[] };
  const unread = [folder];
  for (let next = unread.pop(); next !== undefined; next = unread.pop()) {
    for (const entry of await readdir(next, { withFileTypes: true })) {
      const path = join(next, entry.name);
      if (entry.isDirectory()) {
        found.folders.push(path);
        unread.push(path);
      } else if (entry.isFile()) found.files.push(path);
      else found.others.push(path);
    }
  }
  return found;
}
