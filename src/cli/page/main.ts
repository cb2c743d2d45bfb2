import type { PageData } from '../../engine/inspect/page-data.js';
import { App } from './app.js';
import { byId } from './dom.js';
import { openModel } from './model.js';

const data = JSON.parse(byId('data').textContent!) as PageData;
new App(openModel(data)).start();
