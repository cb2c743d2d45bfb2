import { dir, file, symlink } from '../entries.js';
import { type LayerCase, layerCases } from './layer-case.js';

const layerMd = 'image-spec layer.md';
const own = { mode: 0o2750, uid: 7, gid: 8, mtime: 1234.5, xattrs: { 'user.kept': 'yes' } };
const kept = { mode: '2750', owner: '7:8', mtime: '1234.500000000', xattrs: { 'user.kept': '796573' } };

/** Directories, the root directory among them: what they are like, and what must not change it. */
const cases: LayerCase[] = [
  {
    name: 'a directory that a layer does not list keeps what the layers below say of it',
    rule: 'adding a file below a directory changes neither its mode, owner, xattrs nor time',
    source: `${layerMd}, "Change Types"`,
    layers: [[dir('d', own), dir('d/e', own)], [file('d/e/new')]],
    expect: { d: kept, 'd/e': kept, 'd/e/new': { type: 'file' } },
  },
  {
    name: 'an unlisted directory keeps its metadata over layers that do not know of it',
    rule: 'the metadata come from the highest layer that lists the directory, however far below it is',
    source: `${layerMd}, "Change Types"`,
    layers: [[dir('d', own)], [file('x')], [file('d/one')], [file('y')], [file('d/two')]],
    expect: { d: kept, 'd/one': {}, 'd/two': {} },
  },
  {
    name: 'an unlisted directory has what the highest layer below says that lists it',
    rule: 'a layer in between that lists the directory replaces its metadata, xattrs included',
    source: `${layerMd}, "Modifications"`,
    layers: [[dir('d', own)], [dir('d', { mode: 0o711, uid: 1, mtime: 99 })], [file('d/f')]],
    expect: { d: { mode: '0711', owner: '1:0', mtime: '99.000000000', xattrs: undefined } },
  },
  {
    name: 'a directory that no layer lists is 0755, of root, at time 0',
    rule: 'implicit parents are made the same way everywhere: 0755, 0:0',
    source: 'umoci and containerd make them so; time 0 makes it reproducible',
    layers: [[file('i/j/f')]],
    expect: {
      i: { mode: '0755', owner: '0:0', mtime: '0.000000000' },
      'i/j': { mode: '0755', owner: '0:0', mtime: '0.000000000' },
    },
  },
  {
    name: 'a directory listed after what is in it has what its entry says',
    rule: 'the order of entries does not matter for metadata of directories',
    source: `${layerMd}, "Creating"`,
    layers: [[file('d/f'), dir('d', own)]],
    expect: { d: kept },
  },
  {
    name: 'the time of a directory is what its entry says, whatever is made or hidden in it',
    rule: 'times of directories are restored when all of the layer is there, ancestors included',
    source: 'GNU tar (delayed restoring of directories), umoci',
    layers: [
      [dir('d', own), file('d/gone'), dir('d/e', own)],
      [dir('d', { ...own, mtime: 77 }), file('d/.wh.gone'), file('d/e/f'), file('d/g')],
    ],
    expect: { d: { mtime: '77.000000000' }, 'd/e': kept, 'd/gone': null },
  },
  {
    name: 'a layer that only changes the metadata of a directory keeps what is in it',
    rule: 'an entry for a directory that is there changes its metadata and nothing else',
    source: `${layerMd}, "Modifications"`,
    layers: [[dir('d'), file('d/f', 'f'), dir('d/e'), file('d/e/g')], [dir('d', own)]],
    expect: { d: kept, 'd/f': { size: 1 }, 'd/e/g': {} },
  },
  {
    name: 'the root directory has what the entry ./ says',
    rule: "the root's own mode, owner, xattrs and time show, also through a mount",
    source: 'layers have an entry ./; overlayfs shows those of the topmost directory',
    layers: [[dir('./', { ...own, mode: 0o711 }), file('f')]],
    expect: { '.': { ...kept, mode: '0711' } },
  },
  {
    name: 'the root directory keeps what a lower layer said when higher ones do not list it',
    rule: 'the root is a directory like others: unlisted, it keeps its metadata',
    source: `${layerMd}, "Change Types"`,
    layers: [[dir('./', { ...own, mode: 0o711 })], [file('f')], [file('d/g')]],
    expect: { '.': { ...kept, mode: '0711' } },
  },
  {
    name: 'the root directory that no layer lists is 0755, of root',
    rule: 'the root must be usable by all users of the container',
    source: 'umoci makes it so',
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
    rule: 'an entry replaces what is there if it is of another type',
    source: `${layerMd}, "Applying Changesets"`,
    layers: [[file('x', 'old', { mode: 0o4755 })], [dir('x', own), file('x/f')]],
    expect: { x: { ...kept, type: 'dir' }, 'x/f': { type: 'file' } },
  },
  {
    name: 'a file replaces a directory with all that is in it',
    rule: 'nothing of the directory is left, nor does it come back with it in a later layer',
    source: `${layerMd}, "Applying Changesets"`,
    layers: [
      [dir('x', own), file('x/f'), dir('x/y'), file('x/y/g')],
      [file('x', 'new')],
      [dir('x', { mode: 0o700 }), file('x/h')],
    ],
    expect: { x: { type: 'dir', mode: '0700' }, 'x/h': {}, 'x/f': null, 'x/y': null },
  },
  {
    name: 'a directory replaces a symlink to a directory, and what the link led to stays as it is',
    rule: 'an entry is about its own path: the link is replaced, not followed',
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
    name: 'a symlink replaces a directory with all that is in it',
    rule: 'the link is what is there, and what it leads to shows nothing of the directory',
    source: `${layerMd}, "Applying Changesets"`,
    layers: [[dir('x'), file('x/f'), dir('y'), file('y/g')], [symlink('x', 'y')]],
    expect: { x: { type: 'symlink', target: 'y' }, 'y/f': null, 'y/g': {} },
  },
  {
    name: 'a file in the way of a path gives way to a directory',
    rule: 'a parent that is no directory is replaced by one',
    source: 'umoci#546',
    layers: [[file('a', 'x')], [file('a/b/c')]],
    expect: { a: { type: 'dir', mode: '0755', owner: '0:0' }, 'a/b/c': { type: 'file' } },
  },
];

export const directoryCases = layerCases(cases);
