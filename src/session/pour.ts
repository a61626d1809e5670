/** Sends the values of an iterable as the items of a stream, whichever end has opened it. */

import type { Logger } from '../app/message.ts';
import { concat, EMPTY } from '../bytes/bytes.ts';
import { StatusError } from '../errors.ts';
import { STATUS } from '../sealed/status.ts';
import { encodeBody, loadingToEncode } from '../wire/representation.ts';
import { costOfItem, encodeFailure } from '../wire/session.ts';
import type { Outflow } from './flow.ts';
import type { Sender } from './sender.ts';

export interface PourOptions {
  /** Of one value, bytes. */
  readonly maxMessage: number;
  readonly log: Logger;
}

/**
 * All values of an iterable, or its error. Never rejects.
 *
 * @param choice whether values are sent compressed; read for each of them, as a handler that yields sets it late.
 */
export async function pour(
  sender: Sender,
  stream: number,
  values: Outflow,
  { maxMessage, log }: PourOptions,
  choice: { readonly compress?: boolean },
): Promise<void> {
  try {
    const isWhole = await values.run(async (value) => {
      const loading = loadingToEncode(value);
      if (loading) await loading;
      const { representation, bytes } = encodeBody(value);
      if (bytes.length > maxMessage) throw new StatusError(413, 'A value is too long.');
      const content = concat(Uint8Array.of(representation.charCodeAt(0)), bytes);
      const { compress = false } = choice;
      await sender.sendInTurn('item', stream, content, { compress, isWanted: () => !values.isStopped });
      return costOfItem(content);
    });
    if (isWhole) sender.send('end', stream, EMPTY);
  } catch (error) {
    values.stop();
    const status = error instanceof StatusError ? error.status : STATUS.handlerFailed;
    const why = error instanceof StatusError ? error.message : 'The stream failed.';
    if (!(error instanceof StatusError)) log.error({ error }, 'a stream failed');
    sender.send('error', stream, encodeFailure(status, why));
  }
}
