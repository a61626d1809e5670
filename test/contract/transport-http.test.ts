import { transportContract } from './transport.ts';

transportContract({
  url: 'http://127.0.0.1:0',
  longest: 5000,
  tellsGone: true,
  proven: true,
  tellsUnreachable: true,
});
