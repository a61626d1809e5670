/** An address to ask from this machine, of one to listen at: those that stand for all lead to this one. */
export function reachable(address: string): string {
  return address.replace('//0.0.0.0:', '//127.0.0.1:').replace('//[::]:', '//[::1]:');
}
