/** @param target the folder whose `dist/console/page/` it is built into; default the package. */
export function buildConsole(target?: string): Promise<void>;
