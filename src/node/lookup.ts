/** `sotto/lookup`: answers from files that people go on editing, and a whole program around them. */

export * from '../lookup/index.ts';
export { type LookupMainOptions, runLookupMain } from './lookup-main.ts';
