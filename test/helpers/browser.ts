import type { ExecutionContext } from 'ava';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { requires } from './requires.js';

let browser: Promise<Browser> | undefined;

export interface OpenedPage {
  page: Page;
  /** addresses of all requests, that of the page first */
  requests: string[];
  /** messages of the console, and errors of scripts */
  messages: string[];
}

/**
 * Opens a file in Chromium, in a window of its own.
 *
 * @returns null on a machine without Chromium, where the test is skipped
 */
export async function openInBrowser(
  t: ExecutionContext<unknown>,
  file: string,
  options: BrowserContextOptions = {},
): Promise<OpenedPage | null> {
  if (!requires(t, 'chromium')) return null;
  browser ??= chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
  const context = await (await browser).newContext(options);
  t.teardown(() => context.close());
  const page = await context.newPage();
  page.setDefaultTimeout(200_000);
  const [requests, messages]: [string[], string[]] = [[], []];
  page.on('request', (request) => requests.push(request.url()));
  page.on('console', (message) => messages.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => messages.push(String(error)));
  await page.goto(`file://${file}`);
  return { page, requests, messages };
}

/** Ends the browser. Call it after all tests of a file. */
export async function closeBrowser(): Promise<void> {
  await (await browser)?.close();
}
