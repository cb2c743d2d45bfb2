#!/usr/bin/env node
// The first file of the bundle, dist/bundle/main.cjs: lets node keep what V8 compiled for the next start.
const { mkdirSync, readdirSync, rmSync, statSync } = require('node:fs');
const { enableCompileCache } = require('node:module');

/** how many caches are kept: one for each installation and version of node, of about 1 MB */
const KEPT = 8;

// stack traces by source maps
if (process.argv.includes('--debug')) process.setSourceMapsEnabled(true);
// node 22.1 and later have it
const directory = enableCompileCache && cacheDirectory();
if (directory !== undefined) enableCompileCache(directory);
require('./program.cjs');

/** Where only this user can write, so that only this user can put a program there; undefined without such a place. */
function cacheDirectory() {
  const { HOME, XDG_CACHE_HOME: base = `${HOME}/.cache`, NODE_DISABLE_COMPILE_CACHE: off } = process.env;
  if (!base.startsWith('/') || off) return undefined;
  const all = `${base}/layerhook`;
  try {
    if (!isPrivate(base)) return undefined;
    const { dev, ino } = statSync(__dirname);
    const own = `${all}/${process.version}-${dev}-${ino}`;
    if (!isPrivate(own)) makeRoom(all, own);
    return isPrivate(all) && isPrivate(own) ? own : undefined;
  } catch {
    // the next start is as slow as this one
    return undefined;
  }
}

function isPrivate(path) {
  const { uid, mode } = statSync(path, { throwIfNoEntry: false }) ?? {};
  return uid === process.geteuid() && (mode & 0o022) === 0;
}

/** Makes this installation's cache, and removes those that were made first. */
function makeRoom(all, own) {
  for (const directory of [all, own]) {
    if (!statSync(directory, { throwIfNoEntry: false })) mkdirSync(directory, { mode: 0o700 });
  }
  const made = (name) => statSync(`${all}/${name}`).ctimeMs;
  const caches = readdirSync(all).sort((a, b) => made(b) - made(a));
  for (const name of caches.slice(KEPT)) rmSync(`${all}/${name}`, { recursive: true, force: true });
}
