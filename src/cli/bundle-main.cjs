#!/usr/bin/env node
// Entry point of the bundle, dist/bundle/main.cjs. Enables node's compile cache, which makes the next start faster.
const { mkdirSync, readdirSync, rmSync, statSync } = require('node:fs');
const { enableCompileCache } = require('node:module');
const { dirname } = require('node:path');

/** Number of caches to keep. Each installation has one for each version of node, of about 1 MB. */
const keptCaches = 8;

// --debug shows stack traces with the lines of the source
if (process.argv.includes('--debug')) process.setSourceMapsEnabled(true);
// node before 22.1 has no compile cache
const directory = enableCompileCache && cacheDirectory();
if (directory !== undefined) enableCompileCache(directory);
require('./program.cjs');

/**
 * Returns a directory for cached code, or undefined without a safe one. Only this user may write to it: other users
 * could store code there that this process would run.
 */
function cacheDirectory() {
  const { HOME, XDG_CACHE_HOME: base = `${HOME}/.cache`, NODE_DISABLE_COMPILE_CACHE: off } = process.env;
  if (!base.startsWith('/') || off) return undefined;
  const all = `${base}/layerhook`;
  try {
    if (!isPrivate(base)) {
      // sudo may keep the HOME of another user, which is not ours to change
      if (!isPrivate(dirname(base))) return undefined;
      mkdirSync(base, { mode: 0o700 });
    }
    const { dev, ino } = statSync(__dirname);
    const own = `${all}/${process.version}-${dev}-${ino}`;
    if (!isPrivate(own)) makeRoom(all, own);
    return isPrivate(all) && isPrivate(own) ? own : undefined;
  } catch {
    // without a cache, the next start is as slow as this one
    return undefined;
  }
}

function isPrivate(path) {
  const { uid, mode } = statSync(path, { throwIfNoEntry: false }) ?? {};
  return uid === process.geteuid() && (mode & 0o022) === 0;
}

/** Creates this installation's cache directory, and removes the oldest of the others. */
function makeRoom(all, own) {
  for (const directory of [all, own]) {
    if (!statSync(directory, { throwIfNoEntry: false })) mkdirSync(directory, { mode: 0o700 });
  }
  const made = (name) => statSync(`${all}/${name}`).ctimeMs;
  const caches = readdirSync(all).sort((a, b) => made(b) - made(a));
  for (const name of caches.slice(keptCaches)) rmSync(`${all}/${name}`, { recursive: true, force: true });
}
