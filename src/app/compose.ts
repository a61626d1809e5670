/** Middleware in onion order: each one runs before and after all that were added later. */

import { SottoError } from '../errors.ts';

type Next = () => Promise<void>;
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
    let inside: Promise<void> | null = null;
    const outside = layer(ctx, () => {
      if (inside) throw new SottoError('invalid_argument', 'A middleware called next() twice.');
      inside = inner(ctx);
      // Where a layer does not wait for it, its failure must not end the process as an unhandled rejection.
      inside.catch(ignore);
      return inside;
    });
    // A layer that returns nothing is over when what it called is: `(ctx, next) => { next(); }` loses no error.
    await (outside ?? inside);
  };
}

function ignore(): void {}
