import { transportContract } from './transport.ts';

transportContract({
  url: 'tcp://127.0.0.1:0',
  longest: 5000,
  tellsGone: true,
  proven: true,
  tellsUnreachable: true,
});
transportContract({
  url: 'tcp://[::1]:0',
  longest: 5000,
  tellsGone: true,
  proven: true,
  tellsUnreachable: true,
});
