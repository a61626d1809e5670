/** The config: as its file has it, and a new one, which is checked, put in force, and written. */

import { chmod, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import { messageOf, SottoError } from '../../errors.ts';
import { configSchema, parseConfigText } from '../../node/config.ts';
import type { ReloadReport } from '../../node/node.ts';
import { hasCode } from '../../platform/node/error-code.ts';
import type { ConfigView, ReloadView } from '../contract.ts';
import type { ConsoleNode } from '../options.ts';
import type { Panel } from './desk.ts';
import { bodyOf } from './input.ts';

const Changed = z.strictObject({ text: z.string().max(200_000) });
/** Of a file that is new: there may be secrets in it one day. */
const OWNER_ONLY = 0o600;
const NOTHING = '{}\n';

export const configPanel: Panel = (app, { node, options: { configFile }, hub }) => {
  /** Changes take their turns: the last that is in force is the last that is written. */
  let turn: Promise<unknown> = Promise.resolve();
  app.get('/api/config', async (c) => c.json(await configView(configFile)));
  app.put('/api/config', async (c) => {
    const { text } = await bodyOf(c, Changed);
    const changed = turn.then(() => change(node, configFile, text));
    turn = changed.catch(() => {});
    const report: ReloadView = await changed;
    hub.changed('config', 'node', 'limits', 'bridges');
    return c.json(report);
  });
};

async function configView(file: string): Promise<ConfigView> {
  return { file, text: (await read(file)) ?? NOTHING, schema: configSchema() };
}

/**
 * First the text lies on the disk, under another name; then it is in force; then it has the name. So nothing is in force
 * that could not be written, and nothing has the name that the node refused. A part that could not follow runs on as it
 * was, and is in the report: the text is written all the same, as the others follow it.
 *
 * @throws SottoError `invalid_config`, `file_unwritable`; nothing has changed then.
 */
async function change(node: ConsoleNode, file: string, text: string): Promise<ReloadReport> {
  const config = parseConfigText(text, file);
  const target = await realpath(file).catch(() => file);
  const staged = `${target}.${process.pid}.new`;
  try {
    const mode = await stat(target).then(
      (found) => found.mode & 0o777,
      () => OWNER_ONLY,
    );
    await writeFile(staged, text, { mode: OWNER_ONLY, flush: true });
    await chmod(staged, mode);
    const report = await node.reload(config);
    await rename(staged, target);
    return report;
  } catch (cause) {
    await rm(staged, { force: true });
    if (cause instanceof SottoError) throw cause;
    throw new SottoError('file_unwritable', `${file} cannot be written: ${messageOf(cause)}`, { cause });
  }
}

/** Null where there is none. */
async function read(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    if (hasCode(cause, 'ENOENT')) return null;
    throw new SottoError('file_unreadable', `${file} cannot be read: ${messageOf(cause)}`, { cause });
  }
}
