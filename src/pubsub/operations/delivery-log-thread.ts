/** The thread that a delivery log is kept in: the disk keeps no delivery waiting. */

import { openDatabase } from '#files';
import { threads } from '#threads';
import { codeOf, messageOf, SottoError } from '../../errors.ts';
import type { Database } from '../../platform/types.ts';
import type { DeliveryPage, DeliveryQuery } from './delivery-log.ts';
import { type DeliveryBounds, type DeliveryRow, DeliveryTable } from './delivery-table.ts';

/** What the thread can be asked; `open` comes first. */
export type LogTask =
  | { readonly type: 'open'; readonly path: string; readonly bounds: DeliveryBounds }
  | { readonly type: 'write'; readonly rows: readonly DeliveryRow[] }
  | { readonly type: 'remove-old'; readonly now: number }
  | { readonly type: 'query'; readonly query: DeliveryQuery }
  | { readonly type: 'close' };

export interface LogResults {
  readonly open: null;
  readonly write: null;
  /** Rows removed. */
  readonly 'remove-old': number;
  readonly query: DeliveryPage;
  readonly close: null;
}

export type LogRequest = LogTask & { readonly id: number };

export type LogAnswer =
  | { readonly id: number; readonly type: 'done'; readonly result: LogResults[LogTask['type']] }
  | { readonly id: number; readonly type: 'failed'; readonly code: string; readonly message: string };

let database: Database | null = null;
let table: DeliveryTable | null = null;

threads.serve(async (message, post: (answer: LogAnswer) => void) => {
  const { id, ...task } = message as LogRequest;
  try {
    post({ id, type: 'done', result: await perform(task as LogTask) });
  } catch (error) {
    post({ id, type: 'failed', code: codeOf(error), message: messageOf(error) });
  }
});

async function perform(task: LogTask): Promise<LogResults[LogTask['type']]> {
  if (task.type === 'open') return open(task.path, task.bounds);
  if (!table) throw new SottoError('unavailable', 'The delivery log is not open.');
  switch (task.type) {
    case 'write':
      await table.write(task.rows);
      return null;
    case 'remove-old':
      return table.removeOld(task.now);
    case 'query':
      return table.query(task.query);
    case 'close':
      table = null;
      database?.close();
      return null;
  }
}

function open(path: string, bounds: DeliveryBounds): null {
  database = openDatabase(path);
  try {
    table = new DeliveryTable(database, bounds);
    return null;
  } catch (cause) {
    database.close();
    const text = `"${path}" cannot hold a delivery log: ${messageOf(cause)}`;
    throw new SottoError('invalid_option', text, { cause });
  }
}
