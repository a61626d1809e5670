/** What the post-quantum suite needs besides: apart, so that pages which do without do not load it. */

export { sha3_256, shake256 } from '@noble/hashes/sha3.js';
export { ml_kem768 } from '@noble/post-quantum/ml-kem.js';
