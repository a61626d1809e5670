export function isSupported(version: string): boolean;
export function findBundledNode(folder: string): string | null;
export function tooOld(version: string): string;
