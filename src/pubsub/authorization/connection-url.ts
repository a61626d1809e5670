/**
 * Whether a url stands for one message of a WebSocket: it holds the nonces of both ends and a number that is used once, so
 * what is signed with it is good once by itself. No webhook may have such a url.
 */
export function isConnectionUrl(url: string): boolean {
  return url.startsWith('websocket:');
}
