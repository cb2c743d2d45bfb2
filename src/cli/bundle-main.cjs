#!/usr/bin/env node
// The first file of the bundle, dist/bundle/main.cjs: keeps what V8 makes of the others for the next start.
const fs = require('node:fs');
const Module = require('node:module');
const { dirname } = require('node:path');

/** modules of which we keep it, and their dependencies */
const kept = /\/node_modules\/(lmdb|msgpackr|ordered-binary)\//;

const directory = privateDirectory();
const debug = process.argv.includes('--debug');
if (directory !== undefined) {
  if (Module.enableCompileCache) Module.enableCompileCache(directory);
  // stack traces by source maps are for what node itself loads
  else if (!debug) keepCompiled(directory);
}
if (debug) process.setSourceMapsEnabled(true);
require('./program.cjs');

/** Where nobody else could have put another program. */
function privateDirectory() {
  const { HOME, XDG_CACHE_HOME: base = `${HOME}/.cache`, NODE_DISABLE_COMPILE_CACHE: not } = process.env;
  if (!base.startsWith('/') || not) return undefined;
  const { uid, mode } = fs.statSync(base, { throwIfNoEntry: false }) ?? {};
  return uid === process.geteuid() && (mode & 0o022) === 0 ? `${base}/layerhook` : undefined;
}

/**
 * What node 22 and later do by themselves; but here a command has what the same command has left, since there are only
 * the functions in it that were called.
 */
function keepCompiled(directory) {
  const { Script } = require('node:vm');
  const command = process.argv.slice(2).find((word) => /^[a-z][a-z-]*$/.test(word)) ?? 'none';
  // installed twice, it is kept twice
  const place = [...__dirname].reduce((sum, char) => (sum * 31 + char.charCodeAt(0)) >>> 0, 0).toString(36);
  const fresh = [];
  // by then it has the functions that were called
  process.once('exit', () => {
    for (const write of fresh) write();
  });
  const load = Module._extensions['.js'];
  Module._extensions['.cjs'] = (module, file) => {
    if (!file.startsWith(__dirname) && !kept.test(file)) {
      load(module, file);
      return;
    }
    const { size, ino, ctimeMs } = fs.statSync(file);
    const label = `${JSON.stringify([process.version, process.arch, file, size, ino, ctimeMs])}\n`;
    const keep = `${directory}/${place}-${command}-${file.split('/').slice(-3).join('-')}`;
    const cachedData = readLabelled(keep, label);
    const script = new Script(Module.wrap(fs.readFileSync(file, 'utf8').replace(/^#!.*/, '')), {
      filename: file,
      ...(cachedData && { cachedData }),
    });
    if (!cachedData || script.cachedDataRejected) fresh.push(() => writeLabelled(keep, label, script));
    const { exports } = module;
    // V8 forgets for whom it was compiled, and so from where it imports
    module.importModule = (name) => import(name);
    const run = script.runInThisContext();
    run.call(exports, exports, Module.createRequire(file), module, file, dirname(file));
  };
}

function readLabelled(file, label) {
  try {
    const all = fs.readFileSync(file);
    if (all.latin1Slice(0, label.length) !== label) return undefined;
    const half = (all.length - label.length) / 2;
    const data = all.subarray(label.length, label.length + half);
    // V8 believes what it finds, and dies of one wrong bit
    return data.equals(all.subarray(label.length + half)) ? data : undefined;
  } catch {
    return undefined;
  }
}

/** Appears whole or not at all, also after a power loss. */
function writeLabelled(file, label, script) {
  const temporary = `${file}.${process.pid}`;
  try {
    fs.mkdirSync(file.slice(0, file.lastIndexOf('/')), { recursive: true, mode: 0o700 });
    const data = script.createCachedData();
    // twice, to be compared: a checksum would take one of node's modules, which load slowly
    const all = Buffer.concat([Buffer.from(label, 'latin1'), data, data]);
    fs.writeFileSync(temporary, all, { mode: 0o600, flag: 'wx', flush: true });
    fs.renameSync(temporary, file);
  } catch {
    // the next start is as slow as this one
    fs.rmSync(temporary, { force: true });
  }
}
