import { transportContract } from './transport.ts';

transportContract({
  url: 'udp://127.0.0.1:0',
  longest: 1232,
  tellsGone: false,
  proven: false,
  tellsUnreachable: false,
});
transportContract({
  url: 'udp://[::1]:0',
  longest: 1232,
  tellsGone: false,
  proven: false,
  tellsUnreachable: false,
});
