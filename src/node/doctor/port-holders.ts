/** Which programs have a port, where /proc tells. */

import { readdir, readFile, readlink } from 'node:fs/promises';
import { basename } from 'node:path';

const TCP_LISTENING = '0A';

/** Such as `python3 (pid 77)`; programs of other users only for root, and none where the system does not tell. */
export async function portHolders(protocol: 'udp' | 'tcp', port: number): Promise<string[]> {
  const sockets = await socketsAt(protocol, port);
  return sockets.size === 0
    ? []
    : holdersOf((link) => sockets.has(/^socket:\[(\d+)\]$/.exec(link)?.[1] ?? ''));
}

/** Programs that have a file of this folder open, as `portHolders` tells them. */
export function folderHolders(folder: string): Promise<string[]> {
  return holdersOf((link) => link.startsWith(`${folder}/`));
}

async function socketsAt(protocol: 'udp' | 'tcp', port: number): Promise<ReadonlySet<string>> {
  const tables = await Promise.all(
    [`/proc/net/${protocol}`, `/proc/net/${protocol}6`].map((file) => readFile(file, 'utf8').catch(() => '')),
  );
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = tables.flatMap((table) => table.split('\n').map((line) => line.trim().split(/\s+/)));
  return new Set(
    rows.flatMap(([, local = '', , state, , , , , , inode]) => {
      const isHeld = local.endsWith(wanted) && (protocol === 'udp' || state === TCP_LISTENING);
      return isHeld && inode !== undefined ? [inode] : [];
    }),
  );
}

/** @param holds by what an open file of a program is linked to. */
async function holdersOf(holds: (link: string) => boolean): Promise<string[]> {
  const pids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name));
  const holders = await Promise.all(pids.map((pid) => holderName(pid, holds)));
  return holders.filter((name) => name !== null);
}

/** Null for a program that has nothing of it. */
async function holderName(pid: string, holds: (link: string) => boolean): Promise<string | null> {
  const folder = `/proc/${pid}/fd`;
  const names = await readdir(folder).catch(() => []);
  const links = await Promise.all(names.map((name) => readlink(`${folder}/${name}`).catch(() => '')));
  if (!links.some(holds)) return null;
  return `${await programName(pid)} (pid ${pid})`;
}

/** Node gives its threads names, which differ by its version: then its file says better what it is. */
async function programName(pid: string): Promise<string> {
  const name = (await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => 'a program')).trim();
  if (!name.endsWith('MainThread')) return name;
  const file = await readlink(`/proc/${pid}/exe`).catch(() => 'node');
  return basename(file.replace(/ \(deleted\)$/, ''));
}
