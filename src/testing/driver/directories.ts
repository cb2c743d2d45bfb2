import { dir, file, symlink } from '../entries.js';
import { type LayerCase, layerCases } from './layer-case.js';

const layerMd = 'image-spec layer.md';
const own = { mode: 0o2750, uid: 7, gid: 8, mtime: 1234.5, xattrs: { 'user.kept': 'yes' } };
const kept = { mode: '2750', owner: '7:8', mtime: '1234.500000000', xattrs: { 'user.kept': '796573' } };

/** Directories, including the root: their metadata, and what must not change it. */
const cases: LayerCase[] = [
  {
    name: 'a directory that a layer does not list keeps the metadata of the layers below',
    rule: 'adding a file below a directory does not change its mode, owner, xattrs or time',
    source: `${layerMd}, "Change Types"`,
    layers: [[dir('d', own), dir('d/e', own)], [file('d/e/new')]],
    expect: { d: kept, 'd/e': kept, 'd/e/new': { type: 'file' } },
  },
  {
    name: 'an unlisted directory keeps its metadata across layers without it',
    rule: 'the metadata come from the highest layer that lists the directory, at any distance',
    source: `${layerMd}, "Change Types"`,
    layers: [[dir('d', own)], [file('x')], [file('d/one')], [file('y')], [file('d/two')]],
    expect: { d: kept, 'd/one': {}, 'd/two': {} },
  },
  {
    name: 'an unlisted directory has the metadata of the highest layer below that lists it',
    rule: 'a layer in between that lists the directory replaces its metadata, xattrs included',
    source: `${layerMd}, "Modifications"`,
    layers: [[dir('d', own)], [dir('d', { mode: 0o711, uid: 1, mtime: 99 })], [file('d/f')]],
    expect: { d: { mode: '0711', owner: '1:0', mtime: '99.000000000', xattrs: undefined } },
  },
  {
    name: 'a directory that no layer lists is 0755, 0:0, at time 0',
    rule: 'implicit parents are always 0755, 0:0',
    source: 'umoci and containerd do so; time 0 makes it reproducible',
    layers: [[file('i/j/f')]],
    expect: {
      i: { mode: '0755', owner: '0:0', mtime: '0.000000000' },
      'i/j': { mode: '0755', owner: '0:0', mtime: '0.000000000' },
    },
  },
  {
    name: 'a directory listed after its entries has the metadata of its own entry',
    rule: 'the order of entries does not affect the metadata of directories',
    source: `${layerMd}, "Creating"`,
    layers: [[file('d/f'), dir('d', own)]],
    expect: { d: kept },
  },
  {
    name: 'the time of a directory comes from its entry, even if files in it are created or hidden',
    rule: 'times of directories, ancestors included, are restored at the end of the layer',
    source: 'GNU tar (delayed restoring of directories), umoci',
    layers: [
      [dir('d', own), file('d/gone'), dir('d/e', own)],
      [dir('d', { ...own, mtime: 77 }), file('d/.wh.gone'), file('d/e/f'), file('d/g')],
    ],
    expect: { d: { mtime: '77.000000000' }, 'd/e': kept, 'd/gone': null },
  },
  {
    name: 'a layer that only changes the metadata of a directory keeps its entries',
    rule: 'an entry for an existing directory changes only its metadata',
    source: `${layerMd}, "Modifications"`,
    layers: [[dir('d'), file('d/f', 'f'), dir('d/e'), file('d/e/g')], [dir('d', own)]],
    expect: { d: kept, 'd/f': { size: 1 }, 'd/e/g': {} },
  },
  {
    name: 'the root directory has the metadata of the entry ./',
    rule: "the root's mode, owner, xattrs and time are visible, also through a mount",
    source: 'layers have an entry ./; overlayfs shows the metadata of the topmost directory',
    layers: [[dir('./', { ...own, mode: 0o711 }), file('f')]],
    expect: { '.': { ...kept, mode: '0711' } },
  },
  {
    name: 'the root directory keeps the metadata of a lower layer if higher layers do not list it',
    rule: 'the root behaves as all directories: unlisted, it keeps its metadata',
    source: `${layerMd}, "Change Types"`,
    layers: [[dir('./', { ...own, mode: 0o711 })], [file('f')], [file('d/g')]],
    expect: { '.': { ...kept, mode: '0711' } },
  },
  {
    name: 'a root directory that no layer lists is 0755, 0:0',
    rule: 'the root must be usable by all users of the container',
    source: 'umoci does so',
    layers: [[file('f')]],
    expect: { '.': { mode: '0755', owner: '0:0', mtime: '0.000000000' } },
  },
  {
    name: 'the root directory changes with the highest layer that lists it',
    rule: 'a later ./ replaces mode, owner, xattrs and time of the root',
    source: `${layerMd}, "Modifications"`,
    layers: [[dir('.', own)], [dir('.', { mode: 0o700, uid: 5, mtime: 5 })]],
    expect: { '.': { mode: '0700', owner: '5:0', mtime: '5.000000000', xattrs: undefined } },
  },
  {
    name: 'a directory replaces a file',
    rule: 'an entry replaces an existing file of another type',
    source: `${layerMd}, "Applying Changesets"`,
    layers: [[file('x', 'old', { mode: 0o4755 })], [dir('x', own), file('x/f')]],
    expect: { x: { ...kept, type: 'dir' }, 'x/f': { type: 'file' } },
  },
  {
    name: 'a file replaces a directory with its entries',
    rule: 'the entries are gone, also when a later layer creates the directory again',
    source: `${layerMd}, "Applying Changesets"`,
    layers: [
      [dir('x', own), file('x/f'), dir('x/y'), file('x/y/g')],
      [file('x', 'new')],
      [dir('x', { mode: 0o700 }), file('x/h')],
    ],
    expect: { x: { type: 'dir', mode: '0700' }, 'x/h': {}, 'x/f': null, 'x/y': null },
  },
  {
    name: 'a directory replaces a symlink to a directory, whose target stays unchanged',
    rule: 'an entry concerns its own path: the link is replaced, not followed',
    source: `${layerMd}, "Applying Changesets"`,
    layers: [
      [dir('real', own), file('real/f'), symlink('link', 'real')],
      [dir('link', { mode: 0o700 }), file('link/g')],
    ],
    expect: {
      link: { type: 'dir', mode: '0700' },
      'link/g': {},
      'link/f': null,
      'real/f': {},
      'real/g': null,
    },
  },
  {
    name: 'a symlink replaces a directory with its entries',
    rule: 'the path is the link, and its target does not get entries of the directory',
    source: `${layerMd}, "Applying Changesets"`,
    layers: [[dir('x'), file('x/f'), dir('y'), file('y/g')], [symlink('x', 'y')]],
    expect: { x: { type: 'symlink', target: 'y' }, 'y/f': null, 'y/g': {} },
  },
  {
    name: 'a file that is a parent in a path is replaced by a directory',
    rule: 'a parent of another type is replaced by a directory',
    source: 'umoci#546',
    layers: [[file('a', 'x')], [file('a/b/c')]],
    expect: { a: { type: 'dir', mode: '0755', owner: '0:0' }, 'a/b/c': { type: 'file' } },
  },
];

export const directoryCases = layerCases(cases);
