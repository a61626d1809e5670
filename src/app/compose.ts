/** Middleware in onion order: each one runs before and after all that were added later. */

import { SottoError } from '../errors.ts';

export type Next = () => Promise<void>;
export type Layer<Context> = (ctx: Context, next: Next) => Promise<void> | void;

/** One function that runs `layers` around `core`. */
export function compose<Context>(
  layers: readonly Layer<Context>[],
  core: (ctx: Context) => Promise<void>,
): (ctx: Context) => Promise<void> {
  return layers.reduceRight<(ctx: Context) => Promise<void>>((inner, layer) => around(layer, inner), core);
}

function around<Context>(
  layer: Layer<Context>,
  inner: (ctx: Context) => Promise<void>,
): (ctx: Context) => Promise<void> {
  return async (ctx) => {
    let called = false;
    await layer(ctx, () => {
      if (called) throw new SottoError('invalid_argument', 'A middleware called next() twice.');
      called = true;
      return inner(ctx);
    });
  };
}
