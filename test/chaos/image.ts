/** The layers of an image that has one of each thing that a layer can do. */
export const large = Buffer.alloc(300_000, 'a line of a large file\n');
export const layers = [
  [
    { name: 'd/', type: '5' },
    { name: 'd/large', content: large },
    { name: 'd/small', content: 'small' },
    { name: 'd/link', type: '1', linkname: 'd/small' },
    { name: 'e/', type: '5' },
    { name: 'e/hidden', content: 'hidden' },
  ],
  [
    { name: 'd/.wh.small', content: '' },
    { name: 'e/.wh..wh..opq', content: '' },
    { name: 'e/new', content: 'new', pax: { 'SCHILY.xattr.user.a': 'b' } },
    { name: 's', type: '2', linkname: 'd/large' },
  ],
];
