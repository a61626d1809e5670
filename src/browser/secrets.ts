/** `sotto/browser/secrets`: what broadcasters are shown, and topics are sealed with. Apart, as many pages have neither. */

export { noneAuth } from '../pubsub/authorization/authorization.ts';
export { hmacAuth, tokenAuth } from '../pubsub/authorization/config.ts';
export { generateTopicSecret, topicKeyring } from '../pubsub/sealed-topics.ts';
