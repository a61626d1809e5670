/** Imported before all else, it sets this process's clock ahead, or back: `?ahead=` so many ms. */

const ahead = Number(new URL(import.meta.url).searchParams.get('ahead'));
const { now } = Date;
Date.now = () => now() + ahead;
