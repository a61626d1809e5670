import { MemoryHub } from '../../src/transport/memory.ts';
import { transportContract } from './transport.ts';

transportContract({
  url: 'memory://a',
  hub: new MemoryHub(),
  longest: 5000,
  tellsGone: false,
  proven: true,
  tellsUnreachable: false,
});
