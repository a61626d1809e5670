/** The console's page; the entrance is a page of the server's own. */

import { render } from 'preact';
import 'uplot/dist/uPlot.min.css';
import './styles/base.css';
import './styles/frame.css';
import './styles/components.css';
import './styles/panels.css';
import { App } from './app.tsx';
import { openEvents } from './events.ts';
import { startPlace } from './location.ts';
import { startTheme } from './theme.ts';
import { startTraffic } from './traffic.ts';

const root = document.getElementById('app');
if (!root) throw new Error('The page has no place for the console.');

startTheme();
startPlace();
startTraffic();
openEvents();
render(<App />, root);
